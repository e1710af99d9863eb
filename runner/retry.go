package runner

import (
	"errors"
	"math/rand/v2"
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

// retries tells whether a task that ended an attempt so gets another one.
// An error whose methods panic gets none.
func (t *task) retries(o Outcome, err error) (again bool) {
	defer func() {
		if recover() != nil {
			again = false
		}
	}()
	if t.policy == nil || t.attempt >= t.policy.attempts || (o != Failed && o != TimedOut) {
		return false
	}
	var permanent *permanentError
	return !errors.Is(err, ErrGoexit) && !errors.As(err, &permanent)
}

// pauseAfter is how long to wait after the attempt that has failed. A backoff
// that panics is taken for one that says not to wait.
func (t *task) pauseAfter() (d time.Duration) {
	defer func() { _ = recover() }()
	return t.policy.backoff(t.attempt)
}

// pause takes a task whose attempt has failed off its worker until the next
// one. It returns false if there will be none, as the drain has given up.
func (r *Runner) pause(t *task, o Outcome, err error) bool {
	wait := max(t.pauseAfter(), 0)
	now := time.Now()
	r.mu.Lock()
	if t.state != running || r.drain != nil && r.drain.gaveUp {
		r.mu.Unlock()
		return false
	}
	info := RetriedInfo{StartedInfo: t.startedInfo(), Outcome: o, Err: err, Finished: now, Wait: wait, Overran: t.overran}
	t.list.remove(t)
	var f followUp
	r.leaveWorker(t, now)
	r.freeSlot(t, &f)
	t.state, t.err = paused, err
	r.paused.push(t)
	// A sweep may still be telling that this attempt overran.
	t.observing++
	r.mu.Unlock()
	r.do(f)

	r.observeRetried(t, info)
	r.mu.Lock()
	if t.state == paused {
		t.timer = time.AfterFunc(wait, func() { r.resume(t) })
	}
	var after followUp
	after.observed(t)
	r.mu.Unlock()
	r.do(after)
	return true
}

// resume makes a paused task due for its next attempt.
func (r *Runner) resume(t *task) {
	var f followUp
	r.mu.Lock()
	if t.state == paused {
		t.list.remove(t)
		t.state, t.due, t.ctx = queued, time.Now(), t.asker
		r.enqueue(t, &f)
	}
	r.mu.Unlock()
	r.do(f)
}
