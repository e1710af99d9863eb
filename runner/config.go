package runner

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// Config says how a [Runner] works. The zero value is ready for use. New
// copies it; changing it afterwards has no effect.
type Config struct {
	// Name tells this runner from others in metrics, spans and logs. It
	// follows the rules of callback names (see [ErrInvalidName]).
	// Empty: "default".
	Name string

	// Workers is how many callbacks run at once, besides those of [Runner.Do].
	// A worker's goroutine lives as long as there is work.
	// 0: 8 x GOMAXPROCS, as callbacks mostly wait on I/O.
	Workers int

	// Queue is how many callbacks may be due and wait for a worker. When so many do,
	// Overflow says what After and Go do. Callbacks that were accepted while their
	// responses were open may exceed it for a moment: they are never rejected later.
	// 0: 1024.
	Queue int

	// MaxReserved is how many callbacks may wait for responses that are still open.
	// Beyond that After rejects with [ErrReservedFull], whatever Overflow is. One name
	// never takes the last places: After rejects it once it has as many places as are
	// free. If no other name waits, that is half of them. The same holds for MaxHeld
	// with [ErrHeldFull], and for MaxPaused with [ErrPausedFull].
	// 0: 8 x Queue.
	MaxReserved int

	// MaxHeld is how many callbacks may wait for their share of Limits.
	// 0: 8 x Queue.
	MaxHeld int

	// MaxPaused is how many callbacks may wait for their next attempt (see [Retry]).
	// 0: 8 x Queue.
	MaxPaused int

	// Timeout is how long a callback may run, from its start, before its
	// context is canceled with [ErrTimeout]. The option [Timeout] overrides it
	// for one callback.
	// 0: 30 s; negative: no timeout.
	Timeout time.Duration

	// StuckAfter is how long past its deadline a callback may run on before it
	// counts as stuck: it ignores its context. From then on its worker is
	// replaced, so that the pool keeps its width, and its share of
	// [Config.Limits] is free.
	// 0: 1 s.
	StuckAfter time.Duration

	// MaxStuck is how many workers may be replaced at once. When so many
	// are, After, Go and Do reject with [ErrStuck] until one of those
	// callbacks returns: more of the same would leak goroutines without end.
	// 0: as many as Workers.
	MaxStuck int

	// Limits is how many callbacks of a name may run at once. Those beyond wait
	// aside, in the order they became due, and no other callback waits for them. They
	// take places of MaxHeld and none of Queue. A name that is not in the map has no
	// limit but Workers.
	Limits map[string]int

	// Names declares names of callbacks, so that what is counted of them exists
	// from the start, at 0. Those in Limits are declared too.
	Names []string

	// MaxNames is how many callback names are counted apart. Names are meant to be
	// constants; if they are not, the runner counts those beyond together, as
	// "other". Observers see the names as they are.
	// 0: 100.
	MaxNames int

	// DurationBuckets are the upper bounds of the classic buckets for run times,
	// increasing. Native buckets need no bounds.
	// Empty: 1 ms to 60 s in 18 steps. 5.5, 11 and 33 s are among them: if all callbacks
	// of a name run into a timeout of 5, 10 or 30 s, Prometheus computes a 99th
	// percentile of at most 110 % of that. For other timeouts add a bound a tenth above.
	DurationBuckets []time.Duration

	// WaitBuckets are the same for queue waits and response delays. Keep 1 s as
	// one of them if an objective says that callbacks start within a second.
	// Empty: 0.1 ms to 60 s in 18 steps.
	WaitBuckets []time.Duration

	// Overflow is what After and Go do when the queue is full.
	// Zero value: [Reject].
	Overflow Overflow

	// Observers see every callback, in this order. If none of them sees failures, or
	// rejections, or stuck callbacks, the runner logs those with slog.Default: errors,
	// panics and stuck callbacks at level error, the rest at level warn. It logs each
	// such event at most once in 10 s for each name.
	Observers []Observer
}

const (
	defaultName    = "default"
	defaultQueue   = 1024
	defaultTimeout = 30 * time.Second
	defaultStuck   = time.Second
	workersPerProc = 8
	defaultNames   = 100
	defaultAside   = 8 // times the queue
	maxNameBytes   = 100
)

var (
	defaultDurationBuckets = seconds(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 5.5, 10, 11, 30, 33, 60)
	defaultWaitBuckets     = seconds(.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60)
)

func seconds(all ...float64) []time.Duration {
	durations := make([]time.Duration, len(all))
	for i, s := range all {
		durations[i] = time.Duration(math.Round(s * float64(time.Second)))
	}
	return durations
}

// validate reports every field that cannot be used, joined.
func (c Config) validate() error {
	var errs []error
	if c.Name != "" && !validName(c.Name) {
		errs = append(errs, fmt.Errorf("runner: Config.Name %q: use 1 to %d bytes of printable ASCII without spaces", c.Name, maxNameBytes))
	}
	if c.Workers < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.Workers is %d: use 0 for the default, or a positive number", c.Workers))
	}
	if c.Queue < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.Queue is %d: use 0 for the default, or a positive number", c.Queue))
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"MaxReserved", c.MaxReserved}, {"MaxHeld", c.MaxHeld}, {"MaxPaused", c.MaxPaused}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("runner: Config.%s is %d: use 0 for the default, or a positive number", f.name, f.value))
		}
	}
	if c.StuckAfter < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.StuckAfter is %v: use 0 for the default, or a positive duration", c.StuckAfter))
	}
	if c.MaxStuck < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.MaxStuck is %d: use 0 for the default, or a positive number", c.MaxStuck))
	}
	if c.MaxNames < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.MaxNames is %d: use 0 for the default, or a positive number", c.MaxNames))
	}
	for i, name := range c.Names {
		if !validName(name) {
			errs = append(errs, fmt.Errorf("runner: Config.Names[%d] is %q: use a callback's name, which has 1 to %d bytes of printable ASCII without spaces", i, name, maxNameBytes))
		}
	}
	errs = append(errs, validBuckets("DurationBuckets", c.DurationBuckets), validBuckets("WaitBuckets", c.WaitBuckets))
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		if !validName(name) {
			errs = append(errs, fmt.Errorf("runner: Config.Limits[%q]: use a callback's name, which has 1 to %d bytes of printable ASCII without spaces", name, maxNameBytes))
		}
		if n := c.Limits[name]; n < 1 {
			errs = append(errs, fmt.Errorf("runner: Config.Limits[%q] is %d: use a positive number", name, n))
		}
	}
	if !c.Overflow.valid() {
		errs = append(errs, errors.New("runner: Config.Overflow cannot be used: use Reject, DropOldest, or Block with a positive duration"))
	}
	return errors.Join(errs...)
}

func validBuckets(field string, bounds []time.Duration) error {
	if _, err := histogram.NewLayout(bounds); err != nil {
		return fmt.Errorf("runner: Config.%s: %w", field, err)
	}
	return nil
}

// withDefaults replaces each zero field by what it stands for.
func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Workers == 0 {
		c.Workers = workersPerProc * runtime.GOMAXPROCS(0)
	}
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	for _, bound := range []*int{&c.MaxReserved, &c.MaxHeld, &c.MaxPaused} {
		if *bound == 0 {
			*bound = defaultAside * min(c.Queue, math.MaxInt/defaultAside)
		}
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.StuckAfter == 0 {
		c.StuckAfter = defaultStuck
	}
	if c.MaxStuck == 0 {
		c.MaxStuck = c.Workers
	}
	if c.MaxNames == 0 {
		c.MaxNames = defaultNames
	}
	if len(c.DurationBuckets) == 0 {
		c.DurationBuckets = defaultDurationBuckets
	}
	if len(c.WaitBuckets) == 0 {
		c.WaitBuckets = defaultWaitBuckets
	}
	c.Limits = maps.Clone(c.Limits)
	c.Observers = withFallback(append([]Observer(nil), c.Observers...))
	return c
}

func validName(s string) bool {
	if s == "" || len(s) > maxNameBytes {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
