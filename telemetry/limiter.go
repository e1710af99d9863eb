package telemetry

import (
	"sync/atomic"
	"time"
)

// limiter lets records through at a rate and counts those it holds back. It is
// a token bucket that is full at first. The zero value is ready for use, and it
// is safe for concurrent use.
type limiter struct {
	full atomic.Int64 // when the bucket is full again, since the clock's start
	held atomic.Int64 // held back since the last one that passed
}

// rate is how many records a limiter lets through: one every so often, after as
// many at once as fit in burst. The zero value lets everything through.
type rate struct{ every, burst time.Duration }

// perSecond lets n records through at once, and n a second from then on. A
// negative n has no limit.
func perSecond(n int) rate {
	if n < 0 {
		return rate{}
	}
	every := time.Second / time.Duration(n)
	return rate{every: every, burst: time.Second - every}
}

// allow reports whether a record may be written at now, which is the time since
// some fixed start, and how many were held back before it.
func (l *limiter) allow(now time.Duration, r rate) (held int64, ok bool) {
	for r.every > 0 {
		full := l.full.Load()
		at := max(full, int64(now))
		if at-int64(now) > int64(r.burst) {
			l.held.Add(1)
			return 0, false
		}
		if l.full.CompareAndSwap(full, at+int64(r.every)) {
			break
		}
	}
	return l.takeHeld(), true
}

// takeHeld returns how many were held back, for a record that says so, and
// forgets them.
func (l *limiter) takeHeld() int64 {
	if l.held.Load() == 0 { // mostly; keeps the cache line shared
		return 0
	}
	return l.held.Swap(0)
}

// giveBack undoes takeHeld for a record that was not written.
func (l *limiter) giveBack(n int64) { l.held.Add(n) }
