package runner

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// call calls the callback with its context and its goroutine's labels. If the
// callback calls runtime.Goexit, it does not return.
func (w *worker) call() {
	t := w.task
	t.ctx.labels = w.mark(t)
	w.outcome, w.err = call(t.ctx, t.fn)
}

// call calls fn and reports how it ended. Its name is known to stack.go.
func call(ctx *callbackContext, fn func(context.Context) error) (o Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			o, err = OutcomePanic, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if err := fn(ctx); err != nil {
		return ctx.failure(), err
	}
	return OutcomeSuccess, nil
}

// failure returns the outcome of a callback that returns an error now, by what
// has ended its context.
func (c *callbackContext) failure() Outcome {
	switch c.endedBy.Load() {
	case timedOut:
		return OutcomeTimeout
	case shutDown:
		return OutcomeCanceled
	default:
		return OutcomeError
	}
}

// nextAttempt is what is decided of an attempt that will follow.
type nextAttempt struct{ wait time.Duration }

// decide decides whether there will be another attempt. It asks the error and the
// backoff, which are the user's.
func (w *worker) decide() {
	t := w.task
	defer func() {
		if v := recover(); v != nil {
			w.outcome, w.err = OutcomePanic, errors.Join(&PanicError{Value: v, Stack: debug.Stack()}, w.err)
		}
	}()
	if int(t.attempt) >= t.policy.attempts || w.outcome != OutcomeError && w.outcome != OutcomeTimeout {
		return
	}
	if errors.Is(w.err, ErrGoexit) || IsPermanent(w.err) {
		return
	}
	wait, ok := RetryWait(w.err)
	if !ok {
		wait = t.policy.backoff(int(t.attempt))
	}
	w.again = &nextAttempt{max(wait, 0)}
}
