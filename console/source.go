package console

import (
	"fmt"
	"math"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
)

// source is a runner, or the workers of a durable queue, with what is kept of it. The
// console's mu guards what stands below the empty line.
type source struct {
	name     string
	runner   *runner.Runner // nil: of a durable queue
	observed bool           // the runner has the console's observer
	snapshot func() runner.Snapshot

	now     *runner.Snapshot // the last one; nil: there is none yet
	at      time.Duration    // when it was taken
	wall    time.Time        // the same
	problem string           // why there is no newer one; empty: there is

	points ring[point]
	budget ring[budgetPoint]
	recent ring[full] // for smoothed latencies
	coarse ring[full] // for those of five minutes
	names  map[string]*ring[namePoint]
	watch  *observer // nil: it has none

	verdicts []Verdict // of the last snapshot

	failingSince           map[string]time.Time // by name: the first failure since its last success
	fastBurnAt, fastLateAt time.Duration        // when a budget burnt fast last; 0: never

	drained *runner.Report // nil: not yet
	drain   *runner.DrainInfo
	drainAt time.Time
}

func newSource(name string, r *runner.Runner, snapshot func() runner.Snapshot) *source {
	s := &source{name: name, runner: r, snapshot: snapshot}
	s.beginLocked()
	return s
}

// beginLocked forgets all that is kept: the source is new, or counts anew.
func (s *source) beginLocked() {
	s.points = newRing[point](int(longRange / tick))
	s.budget = newRing[budgetPoint](int(budgetRange/coarseTick) + 1)
	s.recent = newRing[full](int(smoothing/tick) + 1)
	s.coarse = newRing[full](int(shortRange/coarseTick) + 1)
	s.names = make(map[string]*ring[namePoint])
	s.failingSince = make(map[string]time.Time)
	s.fastBurnAt, s.fastLateAt = 0, 0
}

// take calls the snapshot, which may be code of the user.
func (s *source) take() (snap *runner.Snapshot, problem string) {
	defer func() {
		if v := recover(); v != nil {
			snap, problem = nil, clean(fmt.Sprintf("its snapshot panicked: %v", v), maxError)
		}
	}()
	taken := s.snapshot()
	return &taken, ""
}

// noteLocked keeps a snapshot.
func (s *source) noteLocked(snap *runner.Snapshot, problem string, at time.Duration, wall time.Time) {
	s.problem = problem
	if snap == nil {
		return
	}
	if s.now != nil && fallen(s.now, snap) {
		s.beginLocked() // a difference would be nonsense
	}
	s.now, s.at, s.wall = snap, at, wall
	p := pointOf(snap, at, wall)
	s.recent.push(full{at, *snap})
	if last := s.coarse.last(); last == nil || at-last.at >= coarseTick {
		s.coarse.push(full{at, *snap})
		all, bad := counted(snap.Outcomes)
		s.budget.push(budgetPoint{at, all, bad, p.starts, p.late, snap.Folded})
	}
	since := s.recent.at(before(&s.recent, at, smoothing, (*full).time)).s
	p.responseDelay = latencyOf(sub(snap.ResponseDelay, since.ResponseDelay))
	p.queueWait = latencyOf(sub(snap.QueueWait, since.QueueWait))
	runs := runsSince(snap, &since)
	var all histogram.Snapshot
	for _, one := range runs {
		all = add(all, one)
	}
	p.run = latencyOf(all)
	s.points.push(p)
	s.noteNamesLocked(snap, runs, at)
}

// fallen reports whether a count is less than it was: a snapshot of the user's may begin
// anew. The books of a runner never do.
func fallen(before, now *runner.Snapshot) bool {
	fell := now.Asked < before.Asked || now.BusyTime < before.BusyTime || now.Folded < before.Folded || len(now.Callbacks) < len(before.Callbacks)
	for i := range now.Outcomes {
		fell = fell || now.Outcomes[i] < before.Outcomes[i]
	}
	for i := range now.Rejections {
		fell = fell || now.Rejections[i] < before.Rejections[i]
	}
	return fell || now.QueueWait.Sum() < before.QueueWait.Sum()
}

func (s *source) noteNamesLocked(snap *runner.Snapshot, runs []histogram.Snapshot, at time.Duration) {
	for i := range snap.Callbacks {
		c := &snap.Callbacks[i]
		r := s.names[c.Name]
		if r == nil {
			made := newRing[namePoint](int(longRange / nameTick))
			r = &made
			s.names[c.Name] = r
		}
		switch {
		case !c.LastFailure.After(c.LastSuccess):
			delete(s.failingSince, c.Name)
		case s.failingSince[c.Name].IsZero():
			s.failingSince[c.Name] = c.LastFailure
		}
		if last := r.last(); last == nil || at-last.at >= nameTick {
			r.push(namePoint{at, c.Asked, c.Outcomes, c.Running, c.Stuck, latencyOf(runs[i])})
		}
	}
}

// runsSince returns the run times of each name since an earlier snapshot.
func runsSince(now, earlier *runner.Snapshot) []histogram.Snapshot {
	before := make(map[string]*runner.CallbackStats, len(earlier.Callbacks))
	for i := range earlier.Callbacks {
		before[earlier.Callbacks[i].Name] = &earlier.Callbacks[i]
	}
	runs := make([]histogram.Snapshot, len(now.Callbacks))
	for i := range now.Callbacks {
		c := &now.Callbacks[i]
		runs[i] = add(c.Success, c.Failure)
		if b := before[c.Name]; b != nil {
			runs[i] = add(sub(c.Success, b.Success), sub(c.Failure, b.Failure))
		}
	}
	return runs
}

// sub returns what was observed since. If earlier is not earlier, it returns all.
func sub(now, earlier histogram.Snapshot) histogram.Snapshot {
	if since, ok := now.Sub(earlier); ok {
		return since
	}
	return now
}

// add adds histograms of one runner, whose layouts are the same.
func add(a, b histogram.Snapshot) histogram.Snapshot {
	sum, ok := a.Add(b)
	if !ok {
		return a
	}
	return sum
}

// age is how old the data is.
func (s *source) ageLocked(at time.Duration) time.Duration {
	if s.now == nil {
		return math.MaxInt64
	}
	return at - s.at
}

// isOverLocked reports whether the runner was shut down.
func (s *source) isOverLocked() bool { return s.now != nil && s.now.Closed && s.now.Pending() == 0 }
