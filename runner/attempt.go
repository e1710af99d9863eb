package runner

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// attempt calls the callback, with its labels and its context. It returns false
// if the drain gave up before.
func (r *Runner) attempt(t *task, l *labeler) (o Outcome, err error, called bool) {
	marked := l.mark(t)
	defer l.unmark()
	if r.watched.attempts && !r.begin(t) {
		return Failed, ErrGoexit, false
	}
	ctx := t.ctx
	ctx.labels = marked
	defer ctx.end()
	o, err = call(ctx, t.fn)
	return o, err, true
}

// begin lets the observers see the start. It returns false if the drain gave
// up while they did.
func (r *Runner) begin(t *task) (ok bool) {
	defer func() { ok = r.begun(t) }() // an observer may call Goexit
	r.observeStarted(t)
	return false
}

// begun ends what begin does, unless that has ended.
func (r *Runner) begun(t *task) (ok bool) {
	if t.beginning.end() {
		return true // nothing has happened meanwhile
	}
	var f followUp
	r.mu.Lock()
	t.beginning.reset()
	f.next(t)
	ok = t.state == running
	r.mu.Unlock()
	r.do(&f)
	return ok
}

// call calls fn and says how it ended; it does not return if fn calls Goexit.
func call(ctx *callbackContext, fn func(context.Context) error) (o Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			o, err = Panicked, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if err := fn(ctx); err != nil {
		return failure(ctx), err
	}
	return Success, nil
}

// failure is the outcome of a callback that returned an error, judged by what
// had ended its context by then.
func failure(ctx *callbackContext) Outcome {
	switch cause := context.Cause(ctx.canceler()); {
	case errors.Is(cause, ErrTimeout):
		return TimedOut
	case errors.Is(cause, ErrShutdown):
		return Canceled
	default:
		return Failed
	}
}

// finish books the end of an attempt. If goOn, it is called by a worker that can
// take another task, and mostly starts that at once.
func (r *Runner) finish(t *task, o Outcome, err error, goOn bool) (next *task) {
	if t.policy == nil {
		return r.endAttempt(t, o, err, nil, goOn)
	}
	return r.finishOrRetry(t, o, err, goOn)
}

// finishOrRetry does it in a deferred call: the error and the backoff, which are
// asked whether there will be another attempt, are the user's and may call
// Goexit.
func (r *Runner) finishOrRetry(t *task, o Outcome, err error, goOn bool) (next *task) {
	var again *time.Duration
	var panicked *PanicError
	decided := false
	defer func() {
		if panicked != nil {
			o, err = Panicked, errors.Join(panicked, err)
		}
		next = r.endAttempt(t, o, err, again, goOn && decided)
	}()
	again, panicked = t.again(o, err)
	decided = true
	return nil
}

// endAttempt ends t, or pauses it if there is a time to wait for its next
// attempt.
func (r *Runner) endAttempt(t *task, o Outcome, err error, again *time.Duration, goOn bool) (next *task) {
	var f followUp
	now := r.clock.now() // not under the lock, which others want
	r.mu.Lock()
	if again == nil || !r.pause(t, o, err, *again, now, &f) {
		t.fn = nil // what it holds on to need not stay
		r.settle(t, o, err, now, &f)
	}
	if goOn && f.isEmpty() {
		next = r.takeNext(t.labeler, now)
	}
	recyclable := goOn && t.isRecyclable()
	r.mu.Unlock()
	if goOn && f.isOnly(t) {
		next = r.reportAndTake(t)
	} else {
		r.do(&f)
	}
	if recyclable {
		t.recycle()
	}
	return next
}
