package runner

import (
	"math"
	"sync/atomic"
	"time"
)

// moment is a point in time: nanoseconds since the runner was made, and one, so
// that 0 is never. It is a third of a time.Time, costs half as much to read and
// less to reckon with.
type moment int64

func (m moment) sub(earlier moment) time.Duration { return time.Duration(m - earlier) }

// add is the moment d later, which is 0 or more; the last there is if that is too
// late to be told.
func (m moment) add(d time.Duration) moment {
	if later := m + moment(d); later > 0 {
		return later
	}
	return math.MaxInt64
}

// clock is a runner's clock. It is read by the monotonic clock alone.
type clock struct {
	start time.Time               // moment 1
	wall  atomic.Pointer[reading] // the last time that the wall clock was read; nil: never
}

// reading is a moment and what the wall clock said then.
type reading struct {
	moment moment
	time   time.Time
}

// clockKeeps is how long a reading is good for: if somebody sets the machine's
// clock, the runner's times follow as late as that.
const clockKeeps = moment(time.Second)

func (c *clock) now() moment { return c.moment(time.Since(c.start)) }

func (c *clock) moment(sinceStart time.Duration) moment { return moment(sinceStart) + 1 }

// at is the time of a moment; the zero Time of never.
func (c *clock) at(m moment) time.Time {
	if m == 0 {
		return time.Time{}
	}
	r := c.wall.Load()
	if r == nil || m-r.moment > clockKeeps {
		now := time.Now()
		r = &reading{c.moment(now.Sub(c.start)), now}
		c.wall.Store(r)
	}
	return r.time.Add(m.sub(r.moment))
}
