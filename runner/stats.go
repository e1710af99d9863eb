package runner

import (
	"fmt"
	"time"
)

// Stats is a snapshot of a runner, as [database/sql.DBStats] is of a pool. It
// is exact: all its figures are of one moment, and at every moment
//
//	Asked == Outcomes.Total() + Reserved + Queued + Running + Paused
type Stats struct {
	Name string // Config.Name

	Workers  int  // Config.Workers: callbacks that may run at once
	Capacity int  // Config.Queue
	Closed   bool // Shutdown has been called

	Asked      uint64     // asked for, rejected ones included
	Reserved   int        // accepted, their response not done yet
	Queued     int        // due, waiting for a worker, or for a share of their name's limit
	Running    int        // started, not ended; those of Do included
	Paused     int        // between two attempts
	Outcomes   Outcomes   // ended, by outcome
	Rejections Rejections // rejected, by reason
	Retries    uint64     // attempts beyond the first

	Depth     int // callbacks that wait for a worker, without later attempts: Places[PlaceQueued].Taken
	HighWater int // the highest Depth within the last one to two minutes

	Places [NumPlaces]PlaceStats // where callbacks wait, as in Places[PlaceHeld]

	Busy   int // workers that run a callback; replaced ones are not counted
	OnTime int // of those, the ones whose callback has a deadline that has not passed

	Stuck    int // running on past their deadline and Config.StuckAfter; they count as Running
	Replaced int // of those, the ones whose worker has been replaced

	OldestDue     time.Time     // since when the longest turn waits, whichever callback has it by now (Coalesce); zero if none waits
	OldestRunning time.Time     // when the longest-running callback started, of those whose workers are not replaced; zero if none runs
	Stalled       time.Duration // for how long callbacks have waited for a worker and no worker has taken one; 0 if none waits
	BusyTime      time.Duration // worker time spent on callbacks, those running now included

	Drain time.Duration // how long the drain took; 0 before it is over
	Lost  int           // callbacks that the drain kept from coming to their own end

	ObserverPanics uint64 // panics of observers, recovered
}

// Pending returns the number of accepted callbacks that have not ended.
func (s Stats) Pending() int { return s.Reserved + s.Queued + s.Running + s.Paused }

// String returns the figures in words, on one line.
func (s Stats) String() string {
	state := ""
	if s.Closed {
		state = " (closed)"
	}
	return fmt.Sprintf("runner %s%s: %d asked for; %d reserved, %d queued, %d running, %d paused; %v; %d of %d places, %d of %d workers",
		s.Name, state, s.Asked, s.Reserved, s.Queued, s.Running, s.Paused, s.Outcomes, s.Depth, s.Capacity, s.Busy, s.Workers)
}

// Stats returns a snapshot of the runner's totals. It is cheap: it takes the
// runner's lock for a moment, and [Runner.Snapshot] for longer.
func (r *Runner) Stats() Stats {
	now := r.lock()
	s := r.statsLocked(now)
	oldestDue, oldestRunning := r.oldestDueLocked(), r.oldestStartLocked()
	r.unlock()
	return s.withTimes(r.readClocks(), oldestDue, oldestRunning)
}

// statsLocked returns the figures without those that need the wall clock.
func (r *Runner) statsLocked(now moment) Stats {
	s := Stats{
		Name: r.cfg.Name, Workers: r.cfg.Workers, Capacity: r.cfg.Queue, Closed: r.drain != nil,

		Asked:      r.total.asked,
		Reserved:   r.total.in[phaseReserved],
		Queued:     r.waitingLocked(),
		Running:    r.total.in[phaseRunning],
		Paused:     r.total.in[phasePaused],
		Outcomes:   r.total.outcomes,
		Rejections: r.total.rejections,
		Retries:    r.total.retries,

		Depth:     r.places.taken[PlaceQueued],
		HighWater: r.highWater.read(r.places.taken[PlaceQueued], now),
		Busy:      r.busy,
		OnTime:    r.onTime,

		Stuck:    r.total.stuck,
		Replaced: r.replaced,

		Stalled:  r.stalledLocked(now),
		BusyTime: time.Duration(r.busyBefore + moment(r.busy)*now - r.busySince),

		ObserverPanics: r.hooks.panics.Load(),
	}
	for kind := range NumPlaces {
		s.Places[kind] = PlaceStats{r.places.taken[kind], r.cfg.limitOf(kind)}
	}
	if r.drain != nil {
		s.Drain, s.Lost = r.drain.took, r.drain.lostCount
	}
	return s
}

func (s Stats) withTimes(clocks reading, oldestDue, oldestRunning moment) Stats {
	s.OldestDue, s.OldestRunning = clocks.at(oldestDue), clocks.at(oldestRunning)
	return s
}

func (r *Runner) oldestDueLocked() moment {
	if t := r.longestDueLocked(); t != nil {
		return t.waiting
	}
	return 0
}
