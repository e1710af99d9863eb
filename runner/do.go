package runner

import (
	"context"
	"errors"
	"runtime/pprof"
	"slices"
)

// errDoOption: Do merges, gates and retries nothing.
var errDoOption = errors.New("runner: Do takes no option but Timeout, Ref, Wraps and Caller: use After or Go for the others")

// Do runs fn now, on the caller's goroutine, and returns fn's error. The runner
// observes and counts it as a running callback of that name, and Shutdown waits
// for it. It takes no worker and no place of the queue, and [Config].Limits does
// not hold it back.
//
// It is for work that has a goroutine already, and for callers that run what the
// queue has no place for:
//
//	g.Go(func() error { return r.Do(ctx, "report.page", render) }) // an errgroup
//
//	err := runner.After(ctx, "order.email", send)
//	if errors.Is(err, runner.ErrQueueFull) {
//		err = r.Do(ctx, "order.email", send)
//	}
//
// fn's context is derived from ctx as a callback's is, and is canceled with ctx as
// well, as the caller waits for it. If fn panics, Do returns a [*PanicError]; if
// fn calls runtime.Goexit, the caller's goroutine ends, and the outcome is
// [OutcomeError]. A callback that is stuck in Do holds its caller up, and no
// worker.
//
// The only options are [Timeout], [Ref], [Wraps] and [Caller]; another one is an error. The other errors
// that are not fn's are [ErrInvalidName], [ErrNilFunc], [ErrStuck], [ErrClosed], and
// [ErrShutdown] if a drain gave up before fn was called.
func (r *Runner) Do(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	c := Call{name, fn, opts}
	if err := c.check(); err != nil {
		return err
	}
	from := originOf(ctx)
	if slices.ContainsFunc(opts, func(o Option) bool { return !o.isForDo() }) {
		return errDoOption
	}
	t := r.newTask(ctx, from, r.detached, name, fn, opts)
	if caller := r.callerOf(ctx); caller != 0 {
		t.caller = callerIn(opts, caller)
	}
	t.ctx.inCaller = true
	if deadline, has := ctx.Deadline(); has && t.ctx.linked { // its asker's values have none
		t.ctx.asker = &withDeadline{t.ctx.asker, deadline}
	}
	var w *worker
	defer func() {
		if w == nil {
			r.endUnstarted(t)
		}
	}()
	if err := r.takeIn(from, t); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { t.ctx.end(&ending{ctx}) })
	defer stop()
	if ctx.Err() != nil { // fn sees that at once, and AfterFunc takes a moment
		t.ctx.end(&ending{ctx})
	}
	if w = r.startInCaller(t); w == nil {
		return ErrShutdown
	}
	defer pprof.SetGoroutineLabels(ctx) // the callback's have taken their place
	w.work()
	return t.result
}

// takeIn takes t in beyond the queue, and has the observers see that.
func (r *Runner) takeIn(from origin, t *task) error {
	now := r.lock()
	t.asked = now
	t.book = r.openBookLocked(t.name)
	err := r.stuckLocked()
	if r.drain != nil && !r.continuesLocked(from) {
		err = ErrClosed
	}
	if r.bookLocked(t) && r.hooks.folded && t.turn.post(turnFolded) {
		r.tellLaterLocked(t)
	}
	if err != nil {
		r.rejectLocked(t, err, now)
	} else {
		r.acceptLocked(t)
		r.moveLocked(t, phaseReserved, now)
	}
	r.unlock()
	return err
}

// endUnstarted ends t if user code has ended the caller's goroutine before t could
// start.
func (r *Runner) endUnstarted(t *task) {
	now := r.lock()
	if t.phase == phaseReserved {
		r.endAndTellLocked(t, OutcomeError, ErrGoexit, now)
	}
	r.unlock()
}

// startInCaller starts t on a worker that has the caller's goroutine. It returns
// nil if the drain has dropped t.
func (r *Runner) startInCaller(t *task) (w *worker) {
	now := r.lock()
	if t.phase == phaseReserved {
		w = r.newWorkerLocked(t.book)
		w.inCaller = true
		t.released, t.due, t.waiting = t.asked, t.asked, t.asked
		r.startLocked(w, t, now)
	}
	r.unlock()
	return w
}
