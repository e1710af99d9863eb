package runner

import (
	"errors"
	"fmt"
	"time"
)

// waiter is a call of After or Go that waits for a place.
type waiter struct {
	ready chan struct{}
	err   error // written before ready is closed; nil: the place is granted
}

// waitForPlace returns nil with a place taken for t. It is called, and returns,
// with mu held.
func (r *Runner) waitForPlace(t *task) error {
	if t.nested {
		return ErrNested
	}
	// Nothing of the user's is called before mu is held again.
	t.waited = true
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
	case <-t.askerDone:
		gaveUp = errAskerEnded
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
	t.placed = w.err == nil
	return w.err
}

// errAskerEnded stands for a waitError until mu is free.
var errAskerEnded = errors.New("runner: the asker's context ended")

// waitError is what After and Go return when their context ends while they
// wait for a place.
type waitError struct{ cause error }

func (e *waitError) Error() string {
	return fmt.Sprintf("runner: stopped waiting for a place of the queue: %v", e.cause)
}

func (e *waitError) Unwrap() []error { return []error{ErrQueueFull, e.cause} }

// refuseWaiters ends every wait with ErrClosed. mu is held.
func (r *Runner) refuseWaiters() {
	for e := r.waiters.Front(); e != nil; e = r.waiters.Front() {
		w := r.waiters.Remove(e).(*waiter)
		w.err = ErrClosed
		close(w.ready)
	}
}
