package durable

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// newAttempts makes the runner that runs attempts, and sees their ends.
func (c *core) newAttempts() (err error) {
	if c.cfg.Telemetry != nil {
		c.observers = append(c.observers, c.cfg.Telemetry.Observer())
	}
	c.observers = append(c.observers, c.cfg.Observers...)
	if len(c.observers) == 0 {
		c.observers = append(c.observers, c.logs())
	}
	all := []runner.Observer{{
		Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
			attemptOf(ctx).begin(info.Started)
			return nil
		},
		Finished: func(ctx context.Context, info runner.FinishedInfo) { attemptOf(ctx).finish(info) },
	}}
	for _, o := range c.observers {
		all = append(all, ofAttempts(o))
	}
	c.attempts, err = runner.New(runner.Config{
		Name: c.cfg.Name, Workers: c.cfg.workers(), Observers: all, MaxNames: c.cfg.MaxNames,
	})
	return err
}

// observe shows the books to the telemetry.
func (c *core) observe() error {
	if c.cfg.Telemetry == nil {
		return nil
	}
	c.reader = newReader(c)
	return c.cfg.Telemetry.ObserveDurable(view{c})
}

// begin counts the start of the attempt.
func (a *attempt) begin(at time.Time) {
	a.started = at
	if a.due.After(at) {
		a.due = at
	}
	a.core.books.started(a)
}

// finish decides what becomes of the task. The books count that when the database has taken it: see results.go.
func (a *attempt) finish(info runner.FinishedInfo) {
	if !a.isEnded.CompareAndSwap(false, true) {
		return
	}
	if info.Started.IsZero() { // dropped by a drain before it began
		a.end, a.failure = endInterrupted, failureOf(info.Err)
	} else {
		a.decide(info.Outcome, info.Err)
	}
	a.outcome, a.finished = a.outcomeOf(info.Outcome), info.Finished
	a.core.books.ended(a)
	if info.Outcome == runner.OutcomeAbandoned { // it may never return, and then there is no result to write
		a.core.books.unwritten(a)
	}
	close(a.decided)
}

// outcomeOf returns how observers and books name the end of the attempt.
func (a *attempt) outcomeOf(o runner.Outcome) runner.Outcome {
	switch a.end {
	case endCanceled, endLost:
		return runner.OutcomeCanceled
	case endInterrupted:
		if o != runner.OutcomeAbandoned {
			return runner.OutcomeCanceled
		}
	}
	return o
}

// callback corrects what an event of the runner says of the task.
func (a *attempt) callback(cb *runner.Callback) {
	cb.Asked, cb.Func = a.enqueued, a.task.defined().entry
}

func (a *attempt) startedInfo(info *runner.StartedInfo) {
	a.callback(&info.Callback)
	info.AskedAfter = false
	info.Released = a.enqueued
	info.Due = a.due
	if info.Attempt > 0 {
		info.Attempt = a.number
	}
}

// ofAttempts wraps an observer, so that it sees attempts of tasks in place of callbacks of Do. An
// attempt that is not the task's end is told as Retried, as with runner.Retry. The first observer of the runner is our own, so what becomes of the task is
// decided when these are called.
func ofAttempts(o runner.Observer) runner.Observer {
	wrapped := runner.Observer{TraceID: o.TraceID, Folded: o.Folded, DrainStarted: o.DrainStarted, DrainFinished: o.DrainFinished}
	if o.Started != nil {
		wrapped.Started = func(ctx context.Context, info runner.StartedInfo) context.Context {
			attemptOf(ctx).startedInfo(&info)
			return o.Started(ctx, info)
		}
	}
	if o.Stuck != nil {
		wrapped.Stuck = func(ctx context.Context, info runner.StuckInfo) {
			attemptOf(ctx).startedInfo(&info.StartedInfo)
			o.Stuck(ctx, info)
		}
	}
	if o.Finished != nil {
		wrapped.Finished = func(ctx context.Context, info runner.FinishedInfo) {
			attemptOf(ctx).tellEnd(ctx, info, o.Finished, o.Retried)
			if o.Failed != nil {
				attemptOf(ctx).tellFailed(ctx, info, o.Failed, nil)
			}
		}
	} else if o.Failed != nil || o.Retried != nil {
		wrapped.Failed = func(ctx context.Context, info runner.FinishedInfo) {
			attemptOf(ctx).tellFailed(ctx, info, o.Failed, o.Retried)
		}
	}
	return wrapped
}

// isLast reports whether the attempt has ended the task.
func (a *attempt) isLast() bool { return a.end == endDone || a.end == endDead || a.end == endCanceled }

// tellEnd tells an observer of the end of the attempt.
func (a *attempt) tellEnd(ctx context.Context, info runner.FinishedInfo, finished func(context.Context, runner.FinishedInfo), retried func(context.Context, runner.RetriedInfo)) {
	a.startedInfo(&info.StartedInfo)
	info.Outcome = a.outcome
	if a.isLast() || info.Outcome == runner.OutcomeAbandoned || info.Started.IsZero() {
		if finished != nil {
			finished(ctx, info)
		}
		return
	}
	if retried != nil {
		retried(ctx, runner.RetriedInfo{StartedInfo: info.StartedInfo, Outcome: info.Outcome, Err: info.Err, Finished: info.Finished, Wait: a.wait, Stuck: info.Stuck})
	}
}

func (a *attempt) tellFailed(ctx context.Context, info runner.FinishedInfo, failed func(context.Context, runner.FinishedInfo), retried func(context.Context, runner.RetriedInfo)) {
	if a.end != endDone {
		a.tellEnd(ctx, info, failed, retried)
	}
}

// view is what telemetry reads.
type view struct{ core *core }

// Stats implements [telemetry.Books].
func (v view) Stats() runner.Stats { return v.core.snapshot().Stats }

// Snapshot implements [telemetry.Books].
func (v view) Snapshot() runner.Snapshot { return v.core.snapshot() }

// DurableCounts implements [telemetry.DurableBooks].
func (v view) DurableCounts() telemetry.DurableCounts {
	counts := v.core.books.durableCounts()
	counts.StoreErrors = v.core.reader.errors()
	return counts
}

// Store implements [telemetry.DurableBooks].
func (v view) Store(ctx context.Context) (telemetry.Store, bool) { return v.core.reader.store(ctx) }
