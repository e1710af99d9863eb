package runner

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

// pool is the queue's places and the workers.
type pool struct {
	places    int // taken, by reserved and queued tasks and by granted waiters
	inCaller  int // tasks beyond the places, which their callers run
	highWater highWater
	waiters   list.List // of *waiter; under Block, in the order they came

	workers int  // started and not ended
	idle    int  // of those, waiting for work
	stopped bool // nothing is left to do: workers end
	gone    chan struct{}

	busyDone time.Duration // worker time of ended tasks
}

// waiter is a call of After or Go that waits for a place.
type waiter struct {
	ready chan struct{}
	err   error // written before ready is closed; nil: the place is granted
}

// admit takes t into the books, or refuses it. It decides at once, except
// under Block. evicted has been settled and must be reported.
func (r *Runner) admit(t *task) (evicted *task, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.drain != nil:
		err = ErrClosed
	case r.placeFree():
		r.places++
	default:
		evicted, err = r.makeRoom(t)
	}
	r.asked++
	if err != nil {
		r.outcomes[Rejected]++
		return nil, err
	}
	t.depth = r.places
	r.highWater.note(r.places, t.asked)
	r.unreported++
	r.reserved.push(t)
	if !t.scope.released {
		t.afterResponse = true
		t.scope.tasks = append(t.scope.tasks, t)
	}
	return evicted, nil
}

// placeFree tells whether a newcomer may take a place. It cannot overtake one
// that waits: while any does, a place that becomes free is handed on.
func (r *Runner) placeFree() bool { return r.places < r.cfg.Queue }

// makeRoom lets the overflow policy find t a place. mu is held; Block lets go
// of it while it waits.
func (r *Runner) makeRoom(t *task) (evicted *task, err error) {
	switch r.cfg.Overflow {
	case Block:
		return nil, r.waitForPlace(t)
	case DropOldest:
		oldest := r.queue.first
		if oldest == nil {
			return nil, ErrQueueFull
		}
		r.settle(oldest, Dropped, ErrEvicted, time.Now())
		r.places++
		return oldest, nil
	case RunInCaller:
		if t.nestedInCaller {
			return nil, ErrNested
		}
		if r.inCaller == r.cfg.Queue {
			return nil, ErrQueueFull
		}
		r.inCaller++
		t.inCaller = true
		return nil, nil
	default:
		return nil, ErrQueueFull
	}
}

// waitForPlace returns nil with a place taken. It is called, and returns, with
// mu held.
func (r *Runner) waitForPlace(t *task) error {
	if t.nested {
		return ErrNested
	}
	w := &waiter{ready: make(chan struct{})}
	e := r.waiters.PushBack(w)
	r.mu.Unlock()

	timer := time.NewTimer(r.cfg.MaxWait)
	defer timer.Stop()
	var gaveUp error
	select {
	case <-w.ready:
	case <-timer.C:
		gaveUp = ErrMaxWait
	case <-t.ctx.Done():
		gaveUp = &waitError{context.Cause(t.ctx)}
	}

	r.mu.Lock()
	select {
	case <-w.ready: // also if it came together with the end of the wait
	default:
		r.waiters.Remove(e)
		return gaveUp
	}
	if w.err == nil && r.drain != nil { // closed between the grant and here
		r.places--
		return ErrClosed
	}
	return w.err
}

// waitError is what After and Go return when their context ends while they
// wait for a place.
type waitError struct{ cause error }

func (e *waitError) Error() string {
	return fmt.Sprintf("runner: stopped waiting for a place of the queue: %v", e.cause)
}

func (e *waitError) Unwrap() []error { return []error{ErrQueueFull, e.cause} }

// reasonOf is the constant word for a refusal.
func reasonOf(err error) Reason {
	var w *waitError
	switch {
	case errors.Is(err, ErrClosed):
		return ReasonClosed
	case errors.Is(err, ErrMaxWait):
		return ReasonMaxWait
	case errors.Is(err, ErrNested):
		return ReasonNested
	case errors.As(err, &w):
		return ReasonCanceled
	default:
		return ReasonQueueFull
	}
}

// freePlace gives back a place of the queue: to who has waited longest, or to
// the next to come. mu is held.
func (r *Runner) freePlace(now time.Time) {
	r.highWater.note(r.places, now) // it may have been as high since long
	if e := r.waiters.Front(); e != nil {
		close(r.waiters.Remove(e).(*waiter).ready)
		return
	}
	r.places--
}

// refuseWaiters ends every wait with ErrClosed. mu is held.
func (r *Runner) refuseWaiters() {
	for e := r.waiters.Front(); e != nil; e = r.waiters.Front() {
		w := r.waiters.Remove(e).(*waiter)
		w.err = ErrClosed
		close(w.ready)
	}
}

// makeDue moves t from the reserved to the queue. It returns true if the
// caller must run it with runHere: it came by RunInCaller, and there is still
// no place for it. mu is held.
func (r *Runner) makeDue(t *task, now time.Time) bool {
	t.list.remove(t)
	t.state, t.due = queued, now
	if t.inCaller && r.placeFree() {
		t.inCaller = false
		r.inCaller--
		r.places++
	}
	if t.inCaller {
		r.overflow.push(t)
		return true
	}
	r.queue.push(t)
	if r.queue.len > r.idle && r.workers < r.cfg.Workers {
		r.workers++
		go r.work()
	} else {
		r.wake.Signal()
	}
	return false
}
