//go:build unix

package measure

import (
	"syscall"
	"time"
)

// processor is how much time of a processor this process has had so far. Other
// work on the machine is not in it.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
