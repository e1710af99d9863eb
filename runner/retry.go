package runner

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff returns how long to wait after the n-th failed attempt; n begins at 1.
// A result of 0 or less means no wait. It must be safe for concurrent use.
type Backoff func(n int) time.Duration

// Exponential doubles the wait with every attempt, from base up to limit, and
// takes a random time between half of that and all of it, so that callbacks
// which failed together do not come back together.
func Exponential(base, limit time.Duration) Backoff {
	return func(n int) time.Duration {
		d := limit
		if shift := n - 1; shift < 63 && base<<shift>>shift == base {
			d = min(base<<shift, limit)
		}
		if d <= 1 {
			return d
		}
		return d/2 + rand.N(d/2+1)
	}
}

const (
	defaultBackoffBase  = 100 * time.Millisecond
	defaultBackoffLimit = 10 * time.Second
)

// Permanent marks an error that another attempt would only meet again. It
// returns nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

// IsPermanent reports whether an error is marked [Permanent].
func IsPermanent(err error) bool {
	var permanent *permanentError
	return errors.As(err, &permanent)
}

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// RetryIn marks an error that says when another attempt makes sense, such as an answer
// with a Retry-After header. [Retry] and [RetryBackoff] then wait that long before the
// next attempt, and do not ask the backoff. A wait of 0 or less means no wait. The number
// of attempts stays the same.
//
// A callback that waits takes a place of Config.MaxPaused. So limit a wait that somebody
// else has chosen, as in RetryIn(err, min(wait, time.Minute)). It returns nil for nil.
func RetryIn(err error, wait time.Duration) error {
	if err == nil {
		return nil
	}
	return &retryInError{err, wait}
}

// RetryWait returns the wait of an error that is marked with [RetryIn]. ok reports
// whether it is. Of several marks the outermost counts.
func RetryWait(err error) (wait time.Duration, ok bool) {
	var marked *retryInError
	if !errors.As(err, &marked) {
		return 0, false
	}
	return marked.wait, true
}

type retryInError struct {
	error
	wait time.Duration
}

func (e *retryInError) Unwrap() error { return e.error }

// pauseLocked takes a task whose attempt has failed off its worker until the next
// attempt. It reports whether the caller must have the observers told; the pause
// begins when they have seen it.
func (r *Runner) pauseLocked(t *task, w *worker, now moment) (tell bool) {
	x := t.extrasLocked()
	clocks := r.readClocks()
	x.retried = &RetriedInfo{
		StartedInfo: t.startedInfo(clocks),
		Outcome:     w.outcome,
		Err:         w.err,
		Finished:    clocks.at(now),
		Wait:        w.again.wait,
		Stuck:       t.stuck,
	}
	t.err = w.err
	r.moveLocked(t, phasePaused, now)
	t.started, t.stuck = 0, false
	if t.turn.isFree() && !r.hooks.retried {
		r.restLocked(t)
		return false
	}
	return t.turn.post(turnRetried | turnProceed)
}

// restLocked begins the wait of a paused task.
func (r *Runner) restLocked(t *task) {
	t.extra.timer.Timer = time.AfterFunc(t.extra.retried.Wait, func() { r.resume(t) })
}

// resume makes a paused task due for its next attempt.
func (r *Runner) resume(t *task) {
	now := r.lock()
	if t.phase == phasePaused {
		t.due, t.waiting, t.ctx = now, now, t.newContext()
		r.enqueueLocked(t, now)
	}
	r.unlock()
}

// pausedError is the error of a callback that was given up between two
// attempts. Its text is made when somebody asks for it, not under the lock.
type pausedError struct{ why, last error }

func (e *pausedError) Error() string {
	return fmt.Sprintf("%v; its last attempt failed: %v", e.why, e.last)
}

func (e *pausedError) Unwrap() []error { return []error{e.why, e.last} }
