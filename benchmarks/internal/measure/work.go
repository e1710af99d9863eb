package measure

import (
	"sync/atomic"
	"time"
)

// Work is what a task does.
type Work struct {
	Name  string
	Batch int // tasks that are handed over before the end of all of them is awaited
	Do    func()
}

// Works lists the kinds of work: nothing, so that only the contestant's own cost
// is left; some computing, of so many steps; and a wait, as most callbacks are.
func Works(steps int) []Work {
	return []Work{
		{"empty", 5_000, func() {}},
		{"10 µs CPU", 1_000, func() { spin(steps) }},
		{"1 ms sleep", 320, func() { time.Sleep(time.Millisecond) }},
	}
}

// computes is how long the work that computes is meant to take.
const computes = 10 * time.Microsecond

// calibrate is how many steps of computing take about d. Work counts its steps
// and does not look at the clock, so that it takes longer if something else has
// the processor.
func calibrate(d time.Duration) int {
	const steps = 100_000
	best := time.Hour
	for range 20 {
		start := time.Now()
		spin(steps)
		best = min(best, time.Since(start))
	}
	return int(float64(steps) * float64(d) / float64(best))
}

var spun atomic.Uint64 // keeps the compiler from leaving spin out

func spin(steps int) {
	x := uint64(88172645463325252)
	for range steps {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	if x == 0 { // never: the store would be a cache line that all workers share
		spun.Store(x)
	}
}
