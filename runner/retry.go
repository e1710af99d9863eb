package runner

import (
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// Backoff says how long to wait after the n-th failed attempt; n begins at 1.
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

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// again tells how long a task that ended an attempt so waits for another one; nil
// if it gets none. What it asks is the user's: if that panics, it returns the
// panic.
func (t *task) again(o Outcome, err error) (wait *time.Duration, panicked *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			panicked = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	if int(t.attempt) >= t.policy.attempts || (o != Failed && o != TimedOut) {
		return nil, nil
	}
	var permanent *permanentError
	if errors.Is(err, ErrGoexit) || errors.As(err, &permanent) {
		return nil, nil
	}
	d := max(t.policy.backoff(int(t.attempt)), 0)
	return &d, nil
}

// pause takes a task whose attempt has failed off its worker until the next
// one. It returns false if there will be none, as the drain has given up. mu
// is held.
func (r *Runner) pause(t *task, o Outcome, err error, wait time.Duration, now moment, f *followUp) bool {
	if t.state != running || r.drain != nil && r.drain.gaveUp {
		return false
	}
	retried := &RetriedInfo{Outcome: o, Err: err, Finished: r.clock.at(now), Wait: wait, Overran: t.overran}
	t.fillStarted(&retried.StartedInfo)
	t.extras().retried = retried
	t.list.remove(t)
	r.leaveWorker(t, now)
	r.freeSlot(t)
	t.state, t.err = paused, err
	t.started, t.overran = 0, false
	r.paused.push(t)
	f.next(t)
	return true
}

// rest lets the observers see that t is paused, and then its wait begin.
func (r *Runner) rest(t *task) {
	defer func() { // an observer may call Goexit
		var f followUp
		r.mu.Lock()
		if t.state == paused {
			t.extra.timer = time.AfterFunc(t.extra.retried.Wait, func() { r.resume(t) })
		}
		t.extra.retried = nil
		f.observed(t)
		r.mu.Unlock()
		r.do(&f)
	}()
	r.observeRetried(t, t.extra.retried)
}

// resume makes a paused task due for its next attempt.
func (r *Runner) resume(t *task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.state == paused {
		t.list.remove(t)
		now := r.clock.now()
		t.state, t.due, t.turn, t.ctx = queued, now, now, t.ctx.forAnother()
		r.enqueue(t)
	}
}
