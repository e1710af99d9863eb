package runner

import "time"

// Option changes one callback. Options are values: making one allocates
// nothing, and the same one may be used many times.
type Option struct {
	timeout time.Duration // 0: not given
}

// Timeout is how long the callback may run, from its start; it overrides
// Config.Timeout. 0 leaves Config.Timeout in force; a negative d means no
// timeout.
func Timeout(d time.Duration) Option { return Option{timeout: d} }
