package runner

import (
	"sync/atomic"
	"time"
)

// clockKeeps is how long a reading of the wall clock is good for: when somebody
// sets the clock of the machine, the runner's times follow as late as that.
const clockKeeps = time.Second

// clock is [time.Now] at two thirds of its price: that reads the wall clock and
// the monotonic one, and here only one caller in a second reads both.
type clock struct{ read atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if read := c.read.Load(); read != nil {
		if since := time.Since(*read); since < clockKeeps {
			return read.Add(since)
		}
	}
	now := time.Now()
	c.read.Store(&now)
	return now
}
