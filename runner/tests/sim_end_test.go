package tests

import (
	"context"
	"errors"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

func (m *model) onFinished(ctx context.Context, info runner.FinishedInfo) {
	m.poke()
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	was := j.phase
	m.require(was == accepted || was == started || was == paused, "order of events", "%v finishes as %v", j, info.Outcome)
	m.require(info.Attempt == j.attempt, "attempts", "%v finishes in attempt %d", j, info.Attempt)
	m.checkFunc(j, info.Callback)
	m.require(ctx.Err() == nil, "context", "%v finishes with a context that has ended", j)
	j.outcome, j.err, j.at = info.Outcome, info.Err, info.Finished
	switch was {
	case accepted:
		m.endedEarly(j)
		m.require(info.Started.IsZero() && !info.Stuck, "order of events", "%v never started and ends as %+v", j, info)
	case started:
		m.endedRunning(j)
		m.require(info.Stuck == j.stuck, "stuck", "%v finishes, stuck: %t", j, info.Stuck)
	case paused:
		m.require(j.outcome == runner.OutcomeCanceled, "outcome", "%v ends as %v", j, j.outcome)
		m.require(info.Started.IsZero() && !info.Stuck, "attempts", "%v ends between two attempts as %+v", j, info)
		m.checkLost(j)
	}
	j.phase = ended
	m.ends = append(m.ends, j)
	m.bookEnd(j, was, info)
	if s := j.scope; s != nil {
		s.leave(j)
	}
}

// onFailed comes after Finished if the outcome is a failure.
func (m *model) onFailed(ctx context.Context, info runner.FinishedInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := jobFrom(ctx)
	m.require(j.phase == ended && !j.failed, "order of events", "%v has failed", j)
	m.require(info.Outcome == j.outcome && info.Outcome.IsFailure() && info.Attempt == j.attempt && info.Finished.Equal(j.at), "event", "%v has failed: %+v", j, info)
	j.failed = true
}

// checkEnds holds that Failed was called for each failure, and no other end. mu is
// held.
func (m *model) checkEnds() {
	for _, j := range m.ends {
		m.require(j.failed == j.outcome.IsFailure() || j.cut, "failed", "%v has ended as %v, Failed was called: %t", j, j.outcome, j.failed)
	}
	m.ends = m.ends[:0]
}

// endedEarly holds the end of a job that never started. mu is held.
func (m *model) endedEarly(j *job) {
	switch j.outcome {
	case runner.OutcomeDropped:
		m.checkLost(j)
	case runner.OutcomeSkipped:
		m.require(j.skip && !j.gateBad, "gates decide", "%v is skipped, its gate said yes", j)
	case runner.OutcomePanic:
		m.require(j.gateBad && j.spec.gateName == gatePanics.name, "gates decide", "%v panicked and never ran", j)
	case runner.OutcomeError:
		gated := j.gateBad && j.spec.gateName == gateExits.name
		m.require((gated || j.inCaller && j.exited) && errors.Is(j.err, runner.ErrGoexit), "gates decide", "%v failed with %v and never ran", j, j.err)
	case runner.OutcomeCoalesced:
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
	fits := j.outcome == runner.OutcomeDropped && j.attempt == 0 || j.outcome == runner.OutcomeCanceled && j.attempt > 0 && (errors.Is(j.err, errSim) || errors.Is(j.err, j.result.err))
	m.require(fits, "outcome", "%v is given up as %v with %v", j, j.outcome, j.err)
	if errors.Is(j.err, runner.ErrEvicted) {
		m.require(m.cfg.Overflow == runner.DropOldest && (j.isDue() || m.slow), "outcome", "%v is evicted", j)
		return
	}
	m.require(errors.Is(j.err, runner.ErrShutdown) && m.drains.mayCancel(time.Now()), "outcome", "%v ends as %v with %v and no shutdown", j, j.outcome, j.err)
}

// endedRunning holds the end of a job that had started against how its function
// ended. mu is held.
func (m *model) endedRunning(j *job) {
	now := time.Now()
	if j.outcome == runner.OutcomeAbandoned {
		m.require(m.drains.mayAbandon(now), "outcome", "%v is abandoned and no shutdown gave up", j)
		return
	}
	if j.exited && !j.entered {
		m.require(j.outcome == runner.OutcomeError && errors.Is(j.err, runner.ErrGoexit), "outcome", "%v ends as %v with %v, its observer exited", j, j.outcome, j.err)
		return
	}
	m.require(j.entered && !j.inside, "order of events", "%v finishes while it runs", j)
	timedOut := j.outcome == runner.OutcomeTimeout && m.timeoutOf(j) > 0 && !now.Before(j.started.Add(m.timeoutOf(j)))
	canceled := j.outcome == runner.OutcomeCanceled && m.drains.mayCancel(now)
	want, err := runner.OutcomeError, j.result.err
	switch j.result.end {
	case returnsNil:
		want = runner.OutcomeSuccess
	case panics:
		want = runner.OutcomePanic
	case exits:
		err = runner.ErrGoexit
	default:
		switch cause := j.result.cause; { // at this instant another one may have won
		case m.byAsker(j, cause) && j.outcome == runner.OutcomeError:
		case timedOut && (cause == nil || m.byAsker(j, cause)):
			want = runner.OutcomeTimeout
		case canceled && (cause == nil || m.byAsker(j, cause)):
			want = runner.OutcomeCanceled
		case errors.Is(cause, runner.ErrTimeout):
			want = runner.OutcomeTimeout
		case errors.Is(cause, runner.ErrShutdown):
			want = runner.OutcomeCanceled
		}
	}
	m.require(j.outcome == want && errors.Is(j.err, err), "outcome", "%v ends as %v with %v, not %v with %v", j, j.outcome, j.err, want, err)
	gaveUp := j.outcome == runner.OutcomeCanceled || m.drains.mayCancel(now)
	m.require(gaveUp || j.last || j.result.end != returnsError || j.attempt >= j.spec.attempts, "retry", "%v ends after attempt %d of %d", j, j.attempt, j.spec.attempts)
}
