package console

import (
	"math"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
)

// How often, and for how long, figures are kept.
const (
	tick        = time.Second
	nameTick    = 5 * time.Second
	coarseTick  = 15 * time.Second
	shortRange  = 5 * time.Minute
	longRange   = 30 * time.Minute
	budgetRange = 6 * time.Hour
	smoothing   = 10 * time.Second // of latencies in charts
	staleAfter  = 3 * tick
)

// latency is two quantiles in seconds; NaN: nothing was observed.
type latency struct{ p50, p99 float32 }

func latencyOf(s histogram.Snapshot) latency {
	if s.Count() == 0 {
		nan := float32(math.NaN())
		return latency{nan, nan}
	}
	return latency{float32(s.Quantile(.5).Seconds()), float32(s.Quantile(.99).Seconds())}
}

// point is what is kept of a runner for a second. The times of points are counted from
// when the console was made, by the monotonic clock: setting the machine's clock does not
// change them.
type point struct {
	at       time.Duration
	asked    uint64
	outcomes runner.Outcomes
	rejected runner.Rejections
	starts   uint64        // attempts that workers have started
	late     uint64        // of these, more than a second after they were due
	busyTime time.Duration // of workers

	taken                         [runner.NumPlaces]int
	depth, running, busy, stuck   int
	onTime                        int           // workers whose callback is within its timeout
	oldest                        time.Duration // for how long the longest turn has been due
	folded                        uint64
	responseDelay, queueWait, run latency
}

// lateAfter is when a start is late, as the latency objective of the alerts has it.
const lateAfter = time.Second

func pointOf(s *runner.Snapshot, at time.Duration, now time.Time) point {
	p := point{
		at: at, asked: s.Asked, outcomes: s.Outcomes, rejected: s.Rejections, busyTime: s.BusyTime,
		depth: s.Depth, running: s.Running, busy: s.Busy, onTime: s.OnTime, stuck: s.Stuck, folded: s.Folded,
		starts: s.QueueWait.Count(),
	}
	for kind := range s.Places {
		p.taken[kind] = s.Places[kind].Taken
	}
	if !s.OldestDue.IsZero() {
		p.oldest = max(now.Sub(s.OldestDue), 0)
	}
	if l := s.QueueWait.Layout(); l != nil {
		onTime := uint64(0)
		for i, bound := range l.Bounds() {
			if bound <= lateAfter {
				onTime = s.QueueWait.Classic()[i]
			}
		}
		p.late = p.starts - onTime
	}
	return p
}

// counted returns how many callbacks the error budget counts, and how many of them ended
// badly.
func counted(o runner.Outcomes) (all, bad uint64) {
	all = o.Total() - o[runner.OutcomeSkipped] - o[runner.OutcomeCoalesced]
	return all, all - o[runner.OutcomeSuccess]
}

// namePoint is what is kept of a callback's name every five seconds.
type namePoint struct {
	at             time.Duration
	asked          uint64
	outcomes       runner.Outcomes
	running, stuck int
	run            latency
}

// budgetPoint is what is kept for an hour.
type budgetPoint struct {
	at                                time.Duration
	counted, bad, starts, lag, folded uint64
}

// full is a whole snapshot.
type full struct {
	at time.Duration
	s  runner.Snapshot
}

// before returns the index of the newest point that is at least window old; the oldest
// one if none is, and -1 if there is no point.
func before[T any](r *ring[T], now, window time.Duration, at func(*T) time.Duration) int {
	low, high := 0, r.len() // the first that is younger
	for low < high {
		mid := (low + high) / 2
		if now-at(r.at(mid)) >= window {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if r.len() == 0 {
		return -1
	}
	return max(low-1, 0)
}

func (p *point) time() time.Duration       { return p.at }
func (p *namePoint) time() time.Duration   { return p.at }
func (p *budgetPoint) time() time.Duration { return p.at }
func (f *full) time() time.Duration        { return f.at }
