package runner

import "time"

// Stats is a snapshot of a runner, as [database/sql.DBStats] is of a pool. It
// is exact: all its figures are of one moment, and at every moment
//
//	Asked == Outcomes.Total() + Reserved + Queued + Paused + Running
type Stats struct {
	Name string // Config.Name

	Workers  int  // Config.Workers: callbacks that may run at once
	Capacity int  // Config.Queue
	Closed   bool // Shutdown has been called

	Asked    uint64   // asked for, refused ones included
	Reserved int      // accepted, their response not done yet
	Queued   int      // due, waiting for a worker
	Paused   int      // between two attempts
	Running  int      // started, not ended; those RunInCaller runs included
	Outcomes Outcomes // ended, by outcome

	Depth     int // places of the queue taken now
	HighWater int // the highest Depth within the last one to two minutes
	Busy      int // workers that run a callback; replaced ones are not counted

	Overrunning int // running on past their deadline and Config.Grace; they count as Running
	Replaced    int // of those, the ones whose worker has been replaced

	OldestDue     time.Time     // since when the longest turn waits, whichever callback has it by now (Coalesce); zero if none waits
	OldestRunning time.Time     // when the longest-running callback started; zero if none runs
	BusyTime      time.Duration // worker time spent on callbacks, those running now included

	ObserverPanics uint64 // panics of observers, recovered
}

// Outcomes counts callbacks by outcome: Outcomes[Success], say.
type Outcomes [NumOutcomes]uint64

// Total is the sum over all outcomes.
func (o Outcomes) Total() uint64 {
	var sum uint64
	for _, n := range o {
		sum += n
	}
	return sum
}
