package runner

import "time"

// moment is when something happened to a task: the time since it was asked for,
// plus a nanosecond, so that 0 is never. It is a third of a time.Time, and tasks
// are many.
type moment int64

// moment returns the moment of a time.
func (t *task) moment(at time.Time) moment { return moment(max(at.Sub(t.asked), 0)) + 1 }

// ranUntil is how long the attempt under way has run.
func (t *task) ranUntil(now time.Time) time.Duration { return time.Duration(t.moment(now) - t.started) }

// at returns the time of a moment; the zero Time if it never came.
func (t *task) at(m moment) time.Time {
	switch m {
	case 0:
		return time.Time{}
	case 1: // as is what is due as it is asked for
		return t.asked
	}
	return t.asked.Add(time.Duration(m - 1))
}
