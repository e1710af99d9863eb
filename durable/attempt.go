package durable

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river/rivertype"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// attempt is one run of a task, from River's hands to its end.
type attempt struct {
	core     *core
	lease    *lease
	task     Definition
	id       int64
	name     string
	number   int // from 1
	attempts int // in all
	payload  []byte
	carried  carried
	enqueued time.Time
	due      time.Time
	started  time.Time

	cancel func(cause error) // ends its context; see run
	ctx    context.Context   //nolint:containedctx // of the attempt, which has no other owner

	// cause is why its context had ended when the task returned.
	cause error

	// Written by decide, before decided is closed.
	end     ending
	wait    time.Duration // before the next attempt
	failure *failure      // nil: none
	decided chan struct{}
	isEnded atomic.Bool

	// Written by finish, before decided is closed.
	outcome  runner.Outcome // as observers are told
	finished time.Time
}

// ending is what becomes of a task after an attempt.
type ending uint8

const (
	endDone        ending = iota
	endAgain              // another attempt follows
	endDead               // a dead letter
	endCanceled           // by Cancel
	endInterrupted        // by Shutdown: the task goes back, and the attempt does not count
	endRefused            // the runner had no room: the same
	endLost               // this process may not say: see ErrLeaseLost
)

func newAttempt(w *worker, job *rivertype.JobRow) *attempt {
	a := &attempt{
		core: w.lease.core, lease: w.lease, task: w.task,
		id: job.ID, name: w.task.Name(), number: job.Attempt, attempts: job.MaxAttempts,
		payload: job.EncodedArgs, carried: carriedBy(job),
		enqueued: job.CreatedAt, due: job.ScheduledAt, started: now(),
		decided: make(chan struct{}),
	}
	if a.due.After(a.started) { // another clock's
		a.due = a.started
	}
	if a.enqueued.After(a.due) {
		a.enqueued = a.due
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	a.ctx, a.cancel = context.WithValue(ctx, attemptKey{}, a), cancel
	return a
}

// attemptKey finds the attempt in the contexts of observers.
type attemptKey struct{}

func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// run runs the attempt, and returns when what becomes of the task is decided.
func (a *attempt) run() {
	defer a.cancel(nil)
	returned := make(chan error, 1)
	a.core.hands.run(func() {
		err := errGoexit
		defer func() { returned <- err }()
		err = a.core.attempts.Do(a.asker(), a.name, a.call, runner.Timeout(a.timeout()), runner.Ref(a.carried.Ref))
	})
	if err := <-returned; err != errGoexit && !a.isEnded.Load() { //nolint:errorlint // the very value
		// No observer has seen an end, so the task has not begun.
		a.refuse(err)
	}
	<-a.decided
}

// asker returns the attempt's context with the span and the baggage of what has enqueued the task.
func (a *attempt) asker() context.Context {
	if len(a.carried.Trace) == 0 {
		return a.ctx
	}
	ctx := propagator.Extract(a.ctx, a.carried.Trace)
	if a.carried.Request == "" {
		return ctx
	}
	return telemetry.ContextWithRequestTraceID(ctx, a.carried.Request)
}

// errGoexit: the task ended its goroutine. Its end is told on another one.
var errGoexit = errors.New("durable: runtime.Goexit")

// timeout returns the option's value of the task's timeout.
func (a *attempt) timeout() time.Duration { return a.task.defined().options.Timeout }

// call is what the runner runs.
func (a *attempt) call(ctx context.Context) error {
	defer func() { a.cause = context.Cause(ctx) }()
	fn, err := a.task.prepare(a.payload)
	if err != nil {
		return runner.Permanent(err)
	}
	return fn(ctx)
}

// decide decides what becomes of the task, as its attempt has ended. It is called once.
func (a *attempt) decide(o runner.Outcome, err error) {
	switch {
	case o == runner.OutcomeSuccess:
		a.end = endDone
		return
	case a.lease.isLost():
		a.end = endLost
	case o == runner.OutcomeAbandoned, errors.Is(a.cause, runner.ErrShutdown):
		a.end = endInterrupted
	case errors.Is(a.cause, ErrCanceled) && o != runner.OutcomePanic:
		a.end = endCanceled
	default:
		a.end = a.endOfFailure(err)
	}
	a.failure = failureOf(err)
}

// endOfFailure decides after an attempt that failed by itself. It asks the error and the backoff, which are the user's:
// if one of them panics, the task is a dead letter.
func (a *attempt) endOfFailure(err error) (e ending) {
	e = endDead
	defer func() { _ = recover() }()
	if a.number >= a.attempts || runner.IsPermanent(err) {
		return endDead
	}
	wait, ok := runner.RetryWait(err)
	if !ok {
		wait = a.task.defined().options.Backoff(a.number)
	}
	a.wait = max(wait, 0)
	return endAgain
}

// refuse decides that the task goes back, as it could not begin.
func (a *attempt) refuse(err error) {
	if !a.isEnded.CompareAndSwap(false, true) {
		return
	}
	a.end, a.failure = endRefused, failureOf(err)
	if errors.Is(err, runner.ErrClosed) || errors.Is(err, runner.ErrShutdown) {
		a.end = endInterrupted
	}
	close(a.decided)
}
