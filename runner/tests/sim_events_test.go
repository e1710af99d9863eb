package tests

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// observer holds each event against the model.
func (m *model) observer() runner.Observer {
	return runner.Observer{
		Folded: m.onFolded, Accepted: m.onAccepted, Rejected: m.onRejected, Started: m.onStarted, StartedLate: m.onStartedLate,
		Retried: m.onRetried, Stuck: m.onStuck, Finished: m.onFinished, Failed: m.onFailed,
		DrainStarted: m.onDrainStarted, DrainFinished: m.onDrainFinished,
	}
}

// onFolded comes before the answer to the first callback whose name is folded.
func (m *model) onFolded(ctx context.Context, info runner.Callback) {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := asking(ctx)
	m.require(j.phase == wanted && info.Name == j.spec.name && info.Folded, "order of events", "%v is the first that is folded: %+v", j, info)
	m.require(m.books.firstFolded == nil, "folding", "%v is the first that is folded, and so was %v", j, m.books.firstFolded)
	m.books.firstFolded = j
}

func (m *model) onAccepted(ctx context.Context, info runner.AcceptedInfo) context.Context {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := asking(ctx)
	j.saw()
	m.require(j.phase == wanted, "order of events", "%v is accepted", j)
	m.require(info.Capacity == m.cfg.Queue, "queue", "%v is accepted at depth %d of %d", j, info.Depth, info.Capacity)
	m.require(info.Name == j.spec.name && info.Asked.Equal(j.askedAt), "event", "%v is %+v", j, info)
	m.checkLine(j, info.Caller)
	m.checkFunc(j, info.Callback)
	m.isAccepted(j, info.Callback, info.Depth)
	return context.WithValue(ctx, jobKey{}, j)
}

// isAccepted notes that j is taken in. mu is held.
func (m *model) isAccepted(j *job, info runner.Callback, depth int) {
	j.phase, j.depth, j.took = accepted, depth, time.Now()
	m.bookAsked(j, info)
	m.drains.accepted(j)
	m.require(!m.drains.begun || !j.askedAt.After(m.drains.at) || j.nested, "answer", "%v is accepted after Shutdown", j)
	m.require(j.scope != nil || j.spec.once == "", "answer", "%v is accepted with Once and without a scope", j)
	if s := j.scope; s != nil {
		s.enter(j)
	}
	if !j.inCaller && (!j.open || j.scope.released) {
		m.becomesDue(j, time.Now())
	}
}

func (m *model) onRejected(ctx context.Context, info runner.RejectedInfo) {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := asking(ctx)
	j.saw()
	m.require(j.phase == wanted, "order of events", "%v is rejected", j)
	m.require(info.Name == j.spec.name && info.Asked.Equal(j.askedAt), "event", "%v is %+v", j, info)
	m.checkLine(j, info.Caller)
	m.checkFunc(j, info.Callback)
	m.require(reasonFits(info.Reason, info.Err), "event", "%v is rejected for %v with %v", j, info.Reason, info.Err)
	m.isRejected(j, info)
}

// isRejected notes that j is not taken in. mu is held.
func (m *model) isRejected(j *job, info runner.RejectedInfo) {
	j.phase, j.err = refused, info.Err
	m.bookAsked(j, info.Callback)
	m.bookRejected(j, info.Reason)
	closed := m.drains.begun
	switch info.Reason {
	case runner.ReasonClosed:
		m.require(closed, "answer", "%v is told that the runner is closed", j)
		m.require(!j.nested || j.later || j.byDo && m.cfg.Overflow > 0 || m.drains.mayCancel(time.Now()), "a drain finishes chains", "%v is told that the runner is closed", j)
	case runner.ReasonNested:
		m.require(j.nested && !j.byDo && m.cfg.Overflow > 0, "answer", "%v is told that it is nested", j)
	case runner.ReasonMaxWait:
		m.require(time.Since(j.askedAt) == m.longest(j) && m.cfg.Overflow > 0 || m.slow, "answer", "%v has waited %v, not %v", j, time.Since(j.askedAt), m.longest(j))
	case runner.ReasonCanceled:
		gone := j.within.request() != nil && errors.Is(info.Err, context.Canceled)
		ended := j.byDo && (errors.Is(info.Err, context.Canceled) || errors.Is(info.Err, runner.ErrTimeout) || errors.Is(info.Err, runner.ErrShutdown))
		m.require(gone || ended || errors.Is(info.Err, errStopped), "answer", "%v is told %v", j, info.Err)
	}
}

func reasonFits(r runner.Reason, err error) bool {
	full := errors.Is(err, runner.ErrQueueFull)
	switch r {
	case runner.ReasonClosed:
		return errors.Is(err, runner.ErrClosed)
	case runner.ReasonStuck:
		return errors.Is(err, runner.ErrStuck)
	case runner.ReasonNested:
		return full && errors.Is(err, runner.ErrNested)
	case runner.ReasonMaxWait:
		return full && errors.Is(err, runner.ErrMaxWait)
	case runner.ReasonReservedFull:
		return full && errors.Is(err, runner.ErrReservedFull)
	case runner.ReasonHeldFull:
		return full && errors.Is(err, runner.ErrHeldFull)
	case runner.ReasonPausedFull:
		return full && errors.Is(err, runner.ErrPausedFull)
	case runner.ReasonQueueFull, runner.ReasonCanceled:
		return full
	}
	return false
}

func (m *model) onStarted(ctx context.Context, info runner.StartedInfo) context.Context {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	m.require(j.phase == accepted || j.phase == paused, "order of events", "%v starts", j)
	m.checkFunc(j, info.Callback)
	m.require(ctx.Err() == nil, "context", "%v starts with a context that has ended", j)
	j.attempt++
	m.require(info.Attempt == j.attempt, "attempts", "%v starts attempt %d", j, info.Attempt)
	m.require(j.attempt <= max(j.spec.attempts, 1), "attempts", "%v starts attempt %d of %d", j, j.attempt, j.spec.attempts)
	m.require(!j.open || j.scope.released, "after means after", "%v starts before its scope is released", j)
	m.require(info.AskedAfter == j.open || j.open && j.scope.released, "event", "%v is %+v", j, info)
	if j.phase == paused {
		m.require(!info.Started.Before(j.resumes), "retry", "%v starts %v early", j, j.resumes.Sub(info.Started))
	}
	if j.attempt == 1 {
		j.first = info.Started
		asked := j.gated == 1 || j.spec.gate == nil || j.scope == nil
		m.require(asked, "gates decide", "%v starts, its gate was asked %d times", j, j.gated)
	}
	m.checkOrder(j)
	j.phase, j.started, j.entered, j.stuck = started, info.Started, false, false
	j.exited, j.late = false, false
	m.bookStart(j, info)
	return nil
}

// onStartedLate comes after Started if the callback has waited long.
func (m *model) onStartedLate(ctx context.Context, info runner.StartedInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	m.require(j.phase == started && !j.entered && !j.late && info.Attempt == j.attempt, "order of events", "%v starts late", j)
	m.require(info.QueueWait() > time.Second, "late", "%v starts late, it has waited %v", j, info.QueueWait())
	j.late = true
}

// checkOrder notes a fault if a job starts while one waits that was due before
// and must have come first. mu is held.
func (m *model) checkOrder(j *job) {
	if m.slow || m.cfg.Workers > 1 || !m.inLine(j) {
		return
	}
	for _, other := range m.live {
		if other != j && other.phase == accepted && other.order > 0 && m.inLine(other) && !other.waited && other.answered &&
			(other.due.Before(j.due) || other.due.Equal(j.due) && other.scope == j.scope && other.scope != nil && other.order < j.order && !other.nested && !j.nested) {
			m.failf("order", "%v starts before %v, which was due before", j, other)
		}
	}
}

// checkEvicted finds jobs that were evicted although others were due before and wait
// on. mu is held.
func (m *model) checkEvicted() {
	for _, j := range m.evicted {
		for _, other := range m.live {
			if other.phase == accepted && other.order > 0 && m.inLine(other) && !other.open && other.answered && other.due.Before(j.due) {
				m.failf("order", "%v is evicted before %v, which was due before", j, other)
			}
		}
	}
	m.evicted = m.evicted[:0]
}

// inLine reports whether no option lets j wait elsewhere than in the queue. mu is
// held.
func (m *model) inLine(j *job) bool {
	return m.cfg.Limits[j.spec.name] == 0 && j.spec.coalesce == "" && j.attempt <= 1 && !j.inCaller && m.ungated(j)
}

// ungated reports whether no gate keeps j longer than others. mu is held.
func (m *model) ungated(j *job) bool {
	return j.spec.gate == nil && (j.scope == nil || !j.scope.gates)
}

func (m *model) onRetried(ctx context.Context, info runner.RetriedInfo) {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	m.require(j.phase == started && j.entered && !j.inside, "order of events", "%v is retried", j)
	m.checkFunc(j, info.Callback)
	m.require(j.attempt < j.spec.attempts && !j.last && info.Attempt == j.attempt, "attempts", "%v is retried after attempt %d of %d", j, info.Attempt, j.spec.attempts)
	m.require(j.result.end == returnsError && errors.Is(info.Err, j.result.err), "retry", "%v is retried after %s", j, endingNames[j.result.end])
	m.require(info.Outcome == runner.OutcomeError || info.Outcome == runner.OutcomeTimeout, "retry", "%v is retried after %v", j, info.Outcome)
	m.require(info.Wait == j.spec.backoff, "retry", "%v waits %v, not %v", j, info.Wait, j.spec.backoff)
	m.require(info.Stuck == j.stuck, "stuck", "%v is retried, stuck: %t", j, info.Stuck)
	j.phase, j.resumes, j.at = paused, info.Finished.Add(info.Wait), info.Finished
	m.bookRetry(j, info)
}

func (m *model) onStuck(ctx context.Context, info runner.StuckInfo) {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	timeout := m.timeoutOf(j)
	m.require(j.phase == started && info.Attempt == j.attempt, "order of events", "%v is stuck in attempt %d", j, info.Attempt)
	m.require(!j.stuck, "stuck", "%v is stuck twice", j)
	m.checkFunc(j, info.Callback)
	m.require(timeout > 0 && info.Ran == timeout+m.cfg.StuckAfter, "stuck", "%v is stuck after %v", j, info.Ran)
	m.checkLook(j, j.started.Add(info.Ran))
	m.require(j.doing || j.did.Equal(time.Now()) || !j.inside || m.slow || m.drains.mayAbandon(time.Now()) || strings.Contains(info.Stack, "(*world)."), "stack", "%v hangs at %q", j, info.Stack)
	j.stuck = true
}

// checkLook holds when observers hear that a job is stuck, and how often the runner
// looks where jobs hang. mu is held.
func (m *model) checkLook(j *job, since time.Time) {
	now := time.Now()
	m.require(m.slow || !now.After(m.lookFor(since)), "stuck", "%v is said to be stuck %v late", j, now.Sub(since))
	m.mayLook = now.Add(lookInterval)
	if !j.inside || m.slow { // it may have ended before the look
		return
	}
	m.require(m.drains.begun || now.Equal(m.looked) || now.Sub(m.looked) >= lookInterval, "looks", "%v is looked at %v after the last look", j, now.Sub(m.looked))
	m.looked = now
}
