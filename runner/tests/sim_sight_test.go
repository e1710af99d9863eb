package tests

import (
	"context"
	"errors"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Some programs give the runner few observers or none, as it goes other ways then.
// The model guesses the events from the answers and the callbacks themselves, and
// holds the books against what it can be sure of.

// rare is what the observers of such programs count.
type rare struct {
	failed, late, stuck, retried, rejected, folded int

	stuckTold time.Time // the last one
}

// rareObserver returns the few functions that the program lets see.
func (m *model) rareObserver() runner.Observer {
	count := func(n *int) {
		m.poke()
		m.mu.Lock()
		defer m.mu.Unlock()
		*n++
	}
	o := runner.Observer{Failed: func(_ context.Context, info runner.FinishedInfo) {
		count(&m.rare.failed)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.require(info.Outcome.IsFailure(), "event", "%+v has failed", info)
	}}
	if m.sight == seesFails {
		return o
	}
	o.StartedLate = func(context.Context, runner.StartedInfo) { count(&m.rare.late) }
	o.Stuck = func(context.Context, runner.StuckInfo) {
		count(&m.rare.stuck)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.rare.stuckTold = time.Now()
	}
	o.Retried = func(context.Context, runner.RetriedInfo) { count(&m.rare.retried) }
	o.Rejected = func(context.Context, runner.RejectedInfo) { count(&m.rare.rejected) }
	o.Folded = func(context.Context, runner.Callback) { count(&m.rare.folded) }
	return o
}

// guessAnswer takes the answer of After for the event. mu is held.
func (m *model) guessAnswer(j *job, err error) {
	if err != nil {
		m.isRejected(j, runner.RejectedInfo{Callback: runner.Callback{Name: j.spec.name, Timeout: m.timeoutOf(j)}, Reason: reasonOf(err), Err: err})
		return
	}
	if j.phase == wanted {
		m.isAccepted(j, runner.Callback{Name: j.spec.name, Timeout: m.timeoutOf(j)}, 0)
		if j.scope != nil {
			j.scope.leave(j) // nobody sees its end
		}
	}
}

// guessDone is guessAnswer for Do. mu is held.
func (m *model) guessDone(j *job, err error) {
	switch {
	case j.entered:
	case errors.Is(err, runner.ErrShutdown): // it was taken in, and dropped
		m.guessAnswer(j, nil)
	default:
		m.guessAnswer(j, err)
	}
}

func reasonOf(err error) runner.Reason {
	for why := range runner.NumReasons {
		if why != runner.ReasonQueueFull && why != runner.ReasonCanceled && reasonFits(why, err) {
			return why
		}
	}
	if err == runner.ErrQueueFull { //nolint:errorlint // the very same
		return runner.ReasonQueueFull
	}
	return runner.ReasonCanceled
}

// guessStart takes the call of the function for the event. mu is held.
func (m *model) guessStart(j *job, now time.Time) {
	if j.phase == wanted { // before After has returned
		m.guessAnswer(j, nil)
	}
	m.require(j.phase == accepted || j.phase == paused && !now.Before(j.resumes), "order of events", "%v runs", j)
	j.attempt++
	m.require(j.attempt <= max(j.spec.attempts, 1), "attempts", "%v starts attempt %d of %d", j, j.attempt, j.spec.attempts)
	j.phase, j.started, j.entered, j.stuck = started, now, false, false
}

// guessEnd takes the end of the function for the event. mu is held.
func (m *model) guessEnd(j *job) {
	success := j.result.end == returnsNil
	if success {
		m.books.total.success.n++
	} else {
		m.books.total.failure.n++
	}
	j.phase, j.outcome = ended, runner.OutcomeError
	if success {
		j.outcome = runner.OutcomeSuccess
	} else if j.attempt < j.spec.attempts && j.result.end == returnsError {
		j.phase, j.resumes = paused, time.Now().Add(j.spec.backoff)
	}
}

// checkGuessed holds what the model can be sure of without events. mu is held.
func (m *model) checkGuessed(s runner.Snapshot) {
	t := &m.books.total
	m.require(s.Asked == t.asked && s.Rejections == t.rejections, "books count", "%d asked, %v; the model: %d, %v", s.Asked, s.Rejections, t.asked, t.rejections)
	if m.cfg.MaxNames >= 100 {
		for i := range s.Callbacks {
			c := &s.Callbacks[i]
			if b := m.books.byName[c.Name]; b != nil {
				m.require(c.Asked == b.asked && c.Rejections == b.rejections, "books by name", "%q: %d asked, %v; the model: %d, %v", c.Name, c.Asked, c.Rejections, b.asked, b.rejections)
			}
		}
	}
	m.checkRare(s)
	if m.drains.begun {
		return
	}
	now := time.Now()
	running, inCaller, stuck, replaceable := 0, 0, 0, 0
	for _, j := range m.live {
		if !j.inside {
			continue
		}
		running++
		if j.inCaller {
			inCaller++
		}
		timeout := m.timeoutOf(j)
		stuckAt := j.started.Add(timeout + m.cfg.StuckAfter)
		if timeout > 0 && now.Equal(stuckAt) {
			return // it may be one or not
		}
		if timeout > 0 && now.After(stuckAt) {
			stuck++
			if !j.inCaller {
				replaceable++
			}
		}
	}
	replaced := min(replaceable, m.cfg.MaxStuck)
	m.require(s.Running == running && s.Stuck == stuck, "where they are", "%d run, %d are stuck; the model: %d, %d", s.Running, s.Stuck, running, stuck)
	m.require(s.Replaced == replaced && s.Busy == running-inCaller-replaced, "workers", "%d are replaced, %d busy; the model: %d of %d", s.Replaced, s.Busy, replaced, running)
	var success, failure uint64
	for i := range s.Callbacks {
		success += s.Callbacks[i].Success.Count()
		failure += s.Callbacks[i].Failure.Count()
	}
	m.require(success == t.success.n && failure == t.failure.n, "times are counted", "%d successes, %d failures; the model: %d, %d", success, failure, t.success.n, t.failure.n)
}

// checkRare holds what the few observers have counted. mu is held.
func (m *model) checkRare(s runner.Snapshot) {
	failures := 0
	for o, n := range s.Outcomes {
		if runner.Outcome(o).IsFailure() {
			failures += int(n)
		}
	}
	m.require(m.sight == blind || m.rare.failed == failures, "failed", "Failed was called %d times, for %v", m.rare.failed, s.Outcomes)
	if m.sight != seesEnds {
		return
	}
	m.require(m.rare.retried == int(s.Retries) && m.rare.rejected == int(s.Rejections.Total()), "books count", "%+v were seen: %+v", m.rare, s.Stats)
	m.require(m.rare.folded == min(int(s.Folded), 1), "folding", "Folded was called %d times, %d are folded", m.rare.folded, s.Folded)
	m.require(m.rare.stuck >= s.Stuck || time.Since(m.rare.stuckTold) <= lookInterval, "stuck", "%d are stuck, Stuck was called %d times", s.Stuck, m.rare.stuck)
}

// checkRestGuessed holds the outcomes of a runner at rest that no drain has cut
// short. mu is held.
func (m *model) checkRestGuessed(s runner.Stats) {
	if m.drains.begun || m.sight == seesAll {
		return
	}
	neverRan, success, gates, retries := 0, 0, 0, 0
	for _, j := range m.jobs {
		switch {
		case j.phase == refused || j.phase == wanted:
		case j.attempt == 0:
			neverRan++
			if j.gateBad {
				gates++
			}
		case j.result.end == returnsNil:
			success++
		}
		retries += max(j.attempt-1, 0)
	}
	o := s.Outcomes
	m.require(o[runner.OutcomeSuccess] == uint64(success), "outcomes", "%v at rest, %d have returned nil last", o, success)
	m.require(o[runner.OutcomeSkipped]+o[runner.OutcomeCoalesced]+o[runner.OutcomeDropped]+uint64(gates) == uint64(neverRan), "outcomes", "%v at rest, %d never ran", o, neverRan)
	m.require(s.Retries >= uint64(retries) && s.Retries <= uint64(retries)+o[runner.OutcomeCanceled], "attempts", "%d retries, and %d later attempts", s.Retries, retries)
}
