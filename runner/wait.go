package runner

import (
	"context"
	"fmt"
	"time"
)

// placeWait says for how long a call of After may wait under Block.
type placeWait struct {
	ctx  context.Context
	done <-chan struct{} // of ctx, which is user code and not called under mu
	most time.Duration
}

// wait returns what is needed to wait under Block; nothing for other policies.
func (o Overflow) wait(ctx context.Context) placeWait {
	if o <= 0 {
		return placeWait{}
	}
	return placeWait{ctx, ctx.Done(), time.Duration(o)}
}

// waiter is a call of After that waits for places.
type waiter struct {
	tasks      []*task
	ready      chan struct{}
	err        error // written before ready is closed; nil: the places are granted
	prev, next *waiter
}

// waiters are in the order they came.
type waiters struct{ first, last *waiter }

func (l *waiters) push(w *waiter) {
	w.prev = l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (l *waiters) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
}

// waitLocked returns nil when the tasks have been granted their places. It unlocks mu
// while it waits. It does not wait if a callback asks, or during a drain.
func (r *Runner) waitLocked(tasks []*task, wait placeWait) error {
	if r.drain != nil && !tasks[0].nested {
		return ErrClosed
	}
	w := &waiter{tasks: tasks, ready: make(chan struct{})}
	r.waiters.push(w)
	tasks[0].scope.state.CompareAndSwap(scopeOpen, scopeUsed) // so that its release finds them
	r.grantLocked()
	gaveUp := ErrNested
	if !tasks[0].nested {
		r.unlock()
		gaveUp = r.waitFor(w, wait)
		r.mu.Lock()
	}
	select {
	case <-w.ready: // also if it came together with the end of the wait
	default:
		r.waiters.remove(w)
		r.grantLocked() // the next one may need fewer
		return gaveUp
	}
	if w.err == nil && r.drain != nil { // closed between the grant and here
		r.ungrantLocked(tasks)
		return ErrClosed
	}
	return w.err
}

// waitFor waits until w has an answer or gives up. If the asker's context panics, w
// takes no part any more.
func (r *Runner) waitFor(w *waiter, wait placeWait) error {
	isOver := false
	defer func() {
		if isOver {
			return
		}
		r.mu.Lock()
		select {
		case <-w.ready:
			r.ungrantLocked(w.tasks)
		default:
			r.waiters.remove(w)
		}
		r.grantLocked()
		r.unlock()
	}()
	gaveUp := wait.until(w.ready)
	isOver = true
	return gaveUp
}

// until waits until ready is closed. It returns why it gave up, if it did.
func (w placeWait) until(ready <-chan struct{}) error {
	timer := time.NewTimer(w.most)
	defer timer.Stop()
	select {
	case <-ready:
		return nil
	case <-timer.C:
		return ErrMaxWait
	case <-w.done:
		return &waitError{context.Cause(w.ctx)}
	}
}

// waitError is what After returns if its context ends while it waits for a place.
type waitError struct{ cause error }

func (e *waitError) Error() string {
	return fmt.Sprintf("runner: stopped waiting for a place of the queue: %v", e.cause)
}

func (e *waitError) Unwrap() []error { return []error{ErrQueueFull, e.cause} }

// grantLocked grants places to the calls that wait, in the order they came, as far as the
// queue has room. If another kind of places has become full meanwhile, it ends the wait
// with the error of that kind.
func (r *Runner) grantLocked() {
	for w := r.waiters.first; w != nil; w = r.waiters.first {
		switch {
		case !r.markRepeatedLocked(w.tasks): // the same was asked for meanwhile
		case r.neverFitLocked(w.tasks): // another call of the same scope came before
			w.err = ErrQueueFull
		default:
			err := r.grantPlacesLocked(w.tasks)
			if err == ErrQueueFull { //nolint:errorlint // the very same: the others match it
				return
			}
			w.err = err
		}
		r.waiters.remove(w)
		close(w.ready)
	}
}

// refuseWaitersLocked ends every wait with ErrClosed.
func (r *Runner) refuseWaitersLocked() {
	for w := r.waiters.first; w != nil; w = r.waiters.first {
		r.waiters.remove(w)
		w.err = ErrClosed
		close(w.ready)
	}
}
