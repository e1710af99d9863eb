package runner

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// work is a worker's life: it runs tasks until the runner has stopped. A
// callback that ends the goroutine with Goexit ends this call only; another
// one takes over.
func (r *Runner) work() {
	done := false
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !done {
			go r.work()
			return
		}
		r.workers--
		if r.workers == 0 {
			close(r.gone)
		}
	}()
	for {
		t := r.take()
		if t == nil {
			done = true
			return
		}
		r.run(t)
	}
}

// take waits for the next task and starts it. It returns nil when the runner
// has stopped.
func (r *Runner) take() *task {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.queue.first == nil {
		if r.stopped {
			return nil
		}
		r.idle++
		r.wake.Wait()
		r.idle--
	}
	t := r.queue.first
	t.onWorker = true
	r.start(t)
	return t
}

// runHere runs a task that RunInCaller took in, and returns when it has ended.
// It has a goroutine of its own so that Goexit cannot end the caller's.
func (r *Runner) runHere(t *task) {
	r.mu.Lock()
	if t.state == ended { // the drain dropped it
		r.mu.Unlock()
		return
	}
	r.start(t)
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.run(t)
	}()
	<-done
}

// start moves t from the queued to the running. mu is held.
func (r *Runner) start(t *task) {
	t.list.remove(t)
	t.state, t.started = running, time.Now()
	if !t.inCaller {
		r.freePlace(t.started)
	}
	t.observed = !r.watched.started
	r.running.push(t)
}

// run runs a started task to its end. The books are closed in a deferred call
// because Goexit skips everything else.
func (r *Runner) run(t *task) {
	outcome, err := Failed, ErrGoexit // unless it returns or panics
	defer func() {
		t.fn = nil // what it holds on to need not stay
		r.finish(t, outcome, err)
	}()
	if !r.begin(t) {
		return
	}
	ctx, end := t.context()
	defer end()
	outcome, err = call(ctx, t.fn)
}

// begin lets the observers see the start. It returns false if the drain gave
// up while they did.
func (r *Runner) begin(t *task) bool {
	if !r.watched.started {
		return true
	}
	r.observeStarted(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	t.observed = true
	return t.state == running
}

// call calls fn and says how it ended; it does not return if fn calls Goexit.
func call(ctx context.Context, fn func(context.Context) error) (o Outcome, err error) {
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
func failure(ctx context.Context) Outcome {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrTimeout):
		return TimedOut
	case errors.Is(cause, ErrShutdown):
		return Canceled
	default:
		return Failed
	}
}

// finish books the end of a task that was started.
func (r *Runner) finish(t *task, o Outcome, err error) {
	r.mu.Lock()
	mine := r.settle(t, o, err, time.Now()) || t.owed
	r.mu.Unlock()
	if mine {
		r.report(t)
	}
}
