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
		Accepted: m.onAccepted, Rejected: m.onRejected, Started: m.onStarted, Retried: m.onRetried,
		Overrun: m.onOverrun, Finished: m.onFinished, DrainStarted: m.onDrainStarted, DrainFinished: m.onDrainFinished,
	}
}

// asking returns the job that an event of After is about: the child of the one
// whose very context was given to it.
func asking(ctx context.Context) *job {
	j := jobFrom(ctx)
	if j.child != nil {
		return j.child
	}
	return j
}

func (m *model) onAccepted(ctx context.Context, info runner.AcceptedInfo) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := asking(ctx)
	m.require(j.phase == wanted, "order of events", "%v is accepted", j)
	m.require(info.Depth <= info.Capacity && info.Capacity == m.cfg.Queue, "queue", "%v is accepted at depth %d of %d", j, info.Depth, info.Capacity)
	m.require(info.Name == j.spec.name && info.Asked.Equal(j.askedAt), "event", "%v is %+v", j, info)
	j.phase, j.depth = accepted, info.Depth
	m.asked++
	m.require(j.scope != nil || j.spec.once == "", "answer", "%v is accepted with Once and without a scope", j)
	if s := j.scope; s != nil {
		s.enter(j)
	}
	if !j.open || j.scope.released {
		m.becomesDue(j, time.Now())
	}
	return context.WithValue(ctx, jobKey{}, j)
}

func (m *model) onRejected(ctx context.Context, info runner.RejectedInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := asking(ctx)
	m.require(j.phase == wanted, "order of events", "%v is rejected", j)
	j.phase, j.err = refused, info.Err
	m.asked++
	m.seen[runner.Rejected]++
	m.require(reasonFits(info.Reason, info.Err), "event", "%v is rejected for %v with %v", j, info.Reason, info.Err)
	closed := m.drains.begun
	switch info.Reason {
	case runner.ReasonClosed:
		m.require(closed, "answer", "%v is told that the runner is closed", j)
	case runner.ReasonNested:
		m.require(j.nested && !j.byTracked, "answer", "%v is told that it is nested", j)
	case runner.ReasonMaxWait:
		m.require(time.Since(j.askedAt) == m.cfg.MaxWait, "answer", "%v has waited %v, not %v", j, time.Since(j.askedAt), m.cfg.MaxWait)
	case runner.ReasonCanceled:
		gone := j.within.request() != nil && errors.Is(info.Err, context.Canceled)
		ended := j.byTracked && (errors.Is(info.Err, context.Canceled) || errors.Is(info.Err, runner.ErrTimeout) || errors.Is(info.Err, runner.ErrShutdown))
		m.require(gone || ended || errors.Is(info.Err, errStopped), "answer", "%v is told %v", j, info.Err)
	}
}

func reasonFits(r runner.Reason, err error) bool {
	full := errors.Is(err, runner.ErrQueueFull)
	switch r {
	case runner.ReasonClosed:
		return errors.Is(err, runner.ErrClosed)
	case runner.ReasonOverrunning:
		return errors.Is(err, runner.ErrOverrunning)
	case runner.ReasonNested:
		return full && errors.Is(err, runner.ErrNested)
	case runner.ReasonMaxWait:
		return full && errors.Is(err, runner.ErrMaxWait)
	case runner.ReasonQueueFull, runner.ReasonCanceled:
		return full
	}
	return false
}

func (m *model) onStarted(ctx context.Context, info runner.StartedInfo) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	m.require(j.phase == accepted || j.phase == paused, "order of events", "%v starts", j)
	m.require(ctx.Err() == nil, "context", "%v starts with a context that has ended", j)
	j.attempt++
	m.require(info.Attempt == j.attempt, "attempts", "%v starts attempt %d", j, info.Attempt)
	m.require(j.attempt <= max(j.spec.attempts, 1), "attempts", "%v starts attempt %d of %d", j, j.attempt, j.spec.attempts)
	m.require(!j.open || j.scope.released, "after means after", "%v starts before its scope is released", j)
	m.require(info.AfterResponse == j.open || j.open && j.scope.released, "event", "%v is %+v", j, info)
	if j.phase == paused {
		m.require(!info.Started.Before(j.resumes), "retry", "%v starts %v early", j, j.resumes.Sub(info.Started))
	}
	if j.attempt == 1 {
		j.first = info.Started
		asked := j.gated == 1 || j.spec.gate == nil || j.scope == nil || j.scope != j.within.request()
		m.require(asked, "gates decide", "%v starts, its gate was asked %d times", j, j.gated)
	}
	m.checkOrder(j)
	j.phase, j.started, j.entered, j.overran = started, info.Started, false, false
	j.exited = false
	return nil
}

// checkOrder notes a fault if a job starts while one waits that was due before
// and must have come first. mu is held.
func (m *model) checkOrder(j *job) {
	if m.slow || m.cfg.Workers > 1 || !j.inLine() || m.cfg.Overflow == runner.RunInCaller {
		return
	}
	for _, other := range m.live {
		if other != j && other.phase == accepted && other.order > 0 && other.inLine() && !other.waited && other.answered &&
			(other.due.Before(j.due) || other.due.Equal(j.due) && other.scope == j.scope && other.scope != nil && other.order < j.order && !other.nested && !j.nested) {
			m.failf("order", "%v starts before %v, which was due before", j, other)
		}
	}
}

// inLine tells whether no option lets j wait elsewhere than in the queue. mu is
// not needed.
func (j *job) inLine() bool {
	return j.spec.name == simNames[len(simNames)-1] && j.spec.coalesce == "" && j.attempt <= 1 && !j.tracked
}

func (m *model) onRetried(ctx context.Context, info runner.RetriedInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	m.require(j.phase == started && j.entered && !j.inside, "order of events", "%v is retried", j)
	m.require(j.attempt < j.spec.attempts && !j.last && info.Attempt == j.attempt, "attempts", "%v is retried after attempt %d of %d", j, info.Attempt, j.spec.attempts)
	m.require(j.result.end == returnsError && errors.Is(info.Err, j.result.err), "retry", "%v is retried after %s", j, endingNames[j.result.end])
	m.require(info.Outcome == runner.Failed || info.Outcome == runner.TimedOut, "retry", "%v is retried after %v", j, info.Outcome)
	m.require(info.Wait == j.spec.backoff, "retry", "%v waits %v, not %v", j, info.Wait, j.spec.backoff)
	j.phase, j.resumes, j.at = paused, info.Finished.Add(info.Wait), info.Finished
}

func (m *model) onOverrun(ctx context.Context, info runner.OverrunInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	timeout := m.timeoutOf(j)
	m.require(j.phase == started && info.Attempt == j.attempt, "order of events", "%v overruns in attempt %d", j, info.Attempt)
	m.require(!j.overran, "overrun", "%v overruns twice", j)
	m.require(timeout > 0 && info.Ran >= timeout+m.cfg.Grace, "overrun", "%v overruns after %v", j, info.Ran)
	m.require(info.Ran <= timeout+m.cfg.Grace+time.Second || m.slow, "overrun", "%v is found overrunning after %v only", j, info.Ran)
	m.require(j.tracked || !j.inside || strings.Contains(info.Stack, "tests.(*world)."), "stack", "%v hangs at %q", j, info.Stack)
	j.overran = true
}

func (m *model) onFinished(ctx context.Context, info runner.FinishedInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	was := j.phase
	m.require(was == accepted || was == started || was == paused, "order of events", "%v finishes as %v", j, info.Outcome)
	m.require(info.Attempt == j.attempt, "attempts", "%v finishes in attempt %d", j, info.Attempt)
	m.require(ctx.Err() == nil, "context", "%v finishes with a context that has ended", j)
	j.outcome, j.err, j.at = info.Outcome, info.Err, info.Finished
	switch was {
	case accepted:
		m.endedEarly(j)
		m.require(info.Started.IsZero() && !info.Overran, "order of events", "%v never started and ends as %+v", j, info)
	case started:
		m.endedRunning(j)
		m.require(info.Overran == j.overran, "overrun", "%v finishes, overran: %t", j, info.Overran)
	case paused:
		m.require(j.outcome == runner.Canceled || j.outcome == runner.Dropped, "outcome", "%v ends as %v", j, j.outcome)
		m.require(info.Started.IsZero() && !info.Overran, "attempts", "%v ends between two attempts as %+v", j, info)
		m.checkLost(j)
	}
	j.phase = ended
	m.seen[info.Outcome]++
	if s := j.scope; s != nil {
		s.leave(j)
	}
}

// endedEarly holds the end of a job that never started. mu is held.
func (m *model) endedEarly(j *job) {
	switch j.outcome {
	case runner.Dropped:
		m.checkLost(j)
	case runner.Skipped:
		m.require(j.skip && !j.gateBad, "gates decide", "%v is skipped, its gate said yes", j)
	case runner.Panicked:
		m.require(j.gateBad && j.spec.gateName == gatePanics.name, "gates decide", "%v panicked and never ran", j)
	case runner.Failed:
		m.require(j.gateBad && j.spec.gateName == gateExits.name && errors.Is(j.err, runner.ErrGoexit), "gates decide", "%v failed with %v and never ran", j, j.err)
	case runner.Coalesced:
		if j.order > 0 && j.spec.once == "" {
			m.merged = append(m.merged, j)
		}
		m.require(j.spec.coalesce != "" || j.spec.once != "", "outcome", "%v is coalesced", j)
	default:
		m.failf("outcome", "%v ends as %v", j, j.outcome)
	}
}

// checkLost holds the reason that a waiting job was given up for. mu is held.
func (m *model) checkLost(j *job) {
	if errors.Is(j.err, runner.ErrEvicted) {
		m.require(m.cfg.Overflow == runner.DropOldest && j.isDue() && j.outcome == runner.Dropped, "outcome", "%v is evicted", j)
		return
	}
	m.require(errors.Is(j.err, runner.ErrShutdown) && m.drains.mayCancel(time.Now()), "outcome", "%v ends as %v with %v and no shutdown", j, j.outcome, j.err)
}

// endedRunning holds the end of a job that had started against how its function
// ended. mu is held.
func (m *model) endedRunning(j *job) {
	now := time.Now()
	if j.outcome == runner.Abandoned {
		m.require(m.drains.mayAbandon(now), "outcome", "%v is abandoned and no shutdown gave up", j)
		return
	}
	if j.exited && !j.entered {
		m.require(j.outcome == runner.Failed && errors.Is(j.err, runner.ErrGoexit), "outcome", "%v ends as %v with %v, its observer exited", j, j.outcome, j.err)
		return
	}
	m.require(j.entered && !j.inside, "order of events", "%v finishes while it runs", j)
	timedOut := j.outcome == runner.TimedOut && m.timeoutOf(j) > 0 && !now.Before(j.started.Add(m.timeoutOf(j)))
	canceled := j.outcome == runner.Canceled && m.drains.mayCancel(now)
	want, err := runner.Failed, j.result.err
	switch j.result.end {
	case returnsNil:
		want = runner.Success
	case panics:
		want = runner.Panicked
	case exits:
		err = runner.ErrGoexit
	default:
		switch cause := j.result.cause; { // at this instant another one may have won
		case timedOut && cause == nil:
			want = runner.TimedOut
		case canceled && cause == nil:
			want = runner.Canceled
		case errors.Is(cause, runner.ErrTimeout):
			want = runner.TimedOut
		case errors.Is(cause, runner.ErrShutdown):
			want = runner.Canceled
		}
	}
	m.require(j.outcome == want && errors.Is(j.err, err), "outcome", "%v ends as %v with %v, not %v with %v", j, j.outcome, j.err, want, err)
	gaveUp := j.outcome == runner.Canceled || m.drains.mayCancel(now)
	m.require(gaveUp || j.last || j.result.end != returnsError || j.attempt >= j.spec.attempts, "retry", "%v ends after attempt %d of %d", j, j.attempt, j.spec.attempts)
}
