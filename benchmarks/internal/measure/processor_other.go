//go:build !unix

package measure

import "time"

var started = time.Now()

// processor is the time that has passed, as the processor's cannot be had here.
func processor() time.Duration { return time.Since(started) }
