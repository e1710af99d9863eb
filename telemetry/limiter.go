package telemetry

import (
	"sync/atomic"
	"time"
)

// limiter lets one record through in each interval and counts the others. The
// zero value is ready for use, and it is safe for concurrent use.
type limiter struct {
	next       atomic.Int64 // when the next one may pass, since the clock's start
	suppressed atomic.Int64 // held back since the last one that passed
}

const logInterval = time.Second

// allow reports whether a record may be written at now, which is the time since
// some fixed start, and how many were held back before it.
func (l *limiter) allow(now time.Duration) (suppressed int64, ok bool) {
	next := l.next.Load()
	if int64(now) < next || !l.next.CompareAndSwap(next, int64(now+logInterval)) {
		l.suppressed.Add(1)
		return 0, false
	}
	return l.suppressed.Swap(0), true
}
