package tests

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// checkWaiting finds jobs that wait although nothing keeps them from running.
// mu is held.
func (m *model) checkWaiting(s runner.Stats) {
	if s.Queued == 0 || s.Busy >= s.Workers {
		return
	}
	for _, j := range m.live {
		if !j.isDue() || m.slow && j.phase == paused {
			continue
		}
		limit := m.cfg.Limits[j.spec.name]
		_, n := m.shares(j.spec.name, time.Now())
		m.require(limit > 0 && n >= limit, "no work waits beside a free worker",
			"%v waits, %d of %d workers are busy, %d of its name run, limit %d", j, s.Busy, s.Workers, n, limit)
	}
}

// shares is how much of the limit of a name its running callbacks have: those
// that are stuck and replaced have none. At the very moment when that happens, the
// model may not know. mu is held.
func (m *model) shares(name string, now time.Time) (atLeast, atMost int) {
	stuckHere, stuck := 0, 0 // of the name, and of all
	for _, j := range m.live {
		if j.phase != started || j.inCaller {
			continue
		}
		if m.isStuck(j, now) {
			stuck++
		}
		if j.spec.name != name || !j.inside {
			continue
		}
		atMost++
		if m.isStuck(j, now) {
			stuckHere++
		}
		if at := m.stuckAt(j); at.IsZero() || now.Before(at) {
			atLeast++
		}
	}
	if stuck <= m.cfg.MaxStuck {
		atMost -= stuckHere
	}
	return atLeast, atMost
}

// checkWidthNow holds that work which waits has the whole pool before it, also
// while observers take their time: each of them holds one worker at the most.
// What the model knows lags behind then, so it counts what it is sure of. mu is
// held.
func (m *model) checkWidthNow(s runner.Stats) {
	waiting := s.Queued
	for _, j := range m.live {
		if m.cfg.Limits[j.spec.name] > 0 && j.phase != ended && j.phase != refused {
			waiting-- // it may be held by its limit
		}
	}
	m.require(waiting <= 0 || s.Busy+m.busy >= s.Workers, "no work waits beside a free worker",
		"%d wait, %d of %d workers are busy, %d with their observers", waiting, s.Busy, s.Workers, m.busy)
}

// checkReplaced holds that every worker that a stuck job holds is replaced, as
// long as there may be more. mu is held.
func (m *model) checkReplaced(s runner.Stats, now time.Time) {
	stuck := 0
	for _, j := range m.live {
		if m.isStuck(j, now) && !j.inCaller {
			stuck++
		}
	}
	m.require(s.Replaced == min(stuck, m.cfg.MaxStuck), "stuck workers are replaced", "%d are, of %d, and %d may be", s.Replaced, stuck, m.cfg.MaxStuck)
}

// checkWidth holds that a runner at rest is as wide as ever: that it runs as
// many callbacks as it has workers, and takes in as many more as it has places.
func (w *world) checkWidth() {
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	open := make(chan struct{})
	n := w.cfg.Workers + w.cfg.Queue
	var jobs []*job
	for range n {
		j := w.newJob(spec{name: simNames[3], timeout: -1}, nil, nil, nil)
		jobs = append(jobs, j)
		ctx := context.WithValue(context.Background(), jobKey{}, j)
		go func() {
			defer w.left(j)
			w.answer(j, w.runner.Go(ctx, j.spec.name, func(ctx context.Context) error {
				w.enter(ctx, j)
				<-open
				w.leave(ctx, j, returnsNil, nil)
				return nil
			}, runner.Timeout(-1), runner.Wraps(w.named(j))))
		}()
		if w.slow {
			w.pass(tick + 4*w.head.slowness()) // Folded, Accepted and Started
		}
		w.settle()
	}
	s := w.runner.Stats()
	w.mu.Lock()
	w.require(s.Busy == s.Workers, "no worker is lost", "%d of %d workers run at rest", s.Busy, s.Workers)
	w.require(s.Depth == s.Capacity, "no place is lost", "%d of %d places are given at rest", s.Depth, s.Capacity)
	for i, j := range jobs {
		w.require(j.phase == accepted || j.phase == started, "no place is lost", "%v, %d of %d at rest, is told %v", j, i, n, j.err)
	}
	w.mu.Unlock()
	close(open)
	if w.slow {
		w.pass(time.Minute)
	}
	w.look()
}
