package runner

import (
	"math"
	"time"
)

// moment is a point in time: nanoseconds of the monotonic clock since the runner
// was made, and one, so that 0 means never.
type moment int64

// add returns the moment d later, and the last one if there is none so late. d
// is 0 or more.
func (m moment) add(d time.Duration) moment {
	if later := m + moment(d); later >= m {
		return later
	}
	return math.MaxInt64
}

// since returns how long before m the earlier moment was; 0 if it never was.
func (m moment) since(earlier moment) time.Duration {
	if earlier == 0 {
		return 0
	}
	return time.Duration(m - earlier)
}

func (r *Runner) now() moment { return moment(time.Since(r.opened)) + 1 }

// reading is one look at both clocks. It turns moments into times as late as
// possible, so that they are right after the machine's clock was set, or the
// machine has slept.
type reading struct {
	time   time.Time
	moment moment
}

func (r *Runner) readClocks() reading {
	now := time.Now()
	return reading{now, moment(now.Sub(r.opened)) + 1}
}

// at returns the time of a moment; the zero Time for 0.
func (r reading) at(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return r.time.Add(time.Duration(m - r.moment))
}
