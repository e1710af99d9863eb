package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// cancelShare and maxCancelTime say how much of the time that Shutdown has
	// is kept for canceled callbacks to return: a tenth, a second at the most.
	cancelShare   = 10
	maxCancelTime = time.Second
	// lateTime is what Shutdown takes after the end of its context, at most: for
	// callbacks to return if they could not be canceled before (half of it), for
	// stacks, and for observers of what was given up.
	lateTime = 100 * time.Millisecond
)

// errShutdownInside: waiting for oneself would never end.
var errShutdownInside = errors.New("runner: Shutdown called with the context of one of the runner's own callbacks, which it would wait for: call it from outside")

// drain is what Shutdown does, once.
type drain struct {
	empty    chan struct{} // closed when nothing is left to wait for
	isEmpty  bool          // guarded by mu
	lost     []*task       // guarded by mu
	gaveUp   bool          // guarded by mu: nothing more is started
	finished chan struct{}

	report Report // written before finished is closed
	err    error  // written before finished is closed
}

// markEmpty ends the wait. mu is held.
func (d *drain) markEmpty() {
	if !d.isEmpty {
		d.isEmpty = true
		close(d.empty)
	}
}

// Shutdown closes the runner and drains it: from now on After and Go return
// [ErrClosed], and what was accepted before is finished. That includes
// callbacks whose response is not done yet, so shut the server down first.
//
// Shutdown returns when everything has finished, and at the latest when ctx's
// deadline is reached, even if callbacks hang. When nine tenths of the time are
// over (or one second is left, whichever is later) it cancels the contexts of
// the callbacks still running, with the cause [ErrShutdown], and drops those
// that have not started. A callback that then returns an error is [Canceled];
// one that is still running at the deadline is [Abandoned]: its goroutine goes
// on, but nothing counts or waits for it any more. If ctx is canceled, the same
// happens at once, and Shutdown returns within 100 ms. Without deadline and
// cancellation it waits for as long as it takes.
//
// The Report names everything that was lost; listing hundreds of thousands takes
// a while longer. The error is nil if nothing was lost; otherwise it wraps the
// reason for giving up. Observers have seen the end of every accepted callback
// when Shutdown returns, unless they are slow: with what was given up at the
// end, it waits for them for another 100 ms at most.
//
// Shutdown may be called more than once, concurrently too: one call drains,
// with its ctx, and each other returns the same result when that is done, or
// its own ctx's cause before. A callback must not call it: with its own
// context it gets an error, with another one it waits for itself.
//
// Shutdown does not shut down the http.Server, nor flush what observers have
// collected.
func (r *Runner) Shutdown(ctx context.Context) (Report, error) {
	if by := callbackFrom(ctx); by != nil && by.runner == r {
		return Report{}, errShutdownInside
	}
	r.mu.Lock()
	d := r.drain
	first := d == nil
	if first {
		d = &drain{empty: make(chan struct{}), finished: make(chan struct{})}
		r.drain = d
		r.refuseWaiters()
		if r.unreported == 0 {
			d.markEmpty()
		}
	}
	info := DrainInfo{
		Runner:   r.cfg.Name,
		Reserved: r.reserved.len,
		Queued:   r.waiting(),
		Paused:   r.paused.len,
		Running:  r.running.len,
	}
	r.mu.Unlock()

	if first {
		defer close(d.finished)
		d.report, d.err = r.drainNow(ctx, d, info)
		return d.report, d.err
	}
	select {
	case <-d.finished:
		return d.report, d.err
	default: // looked at first, as a ctx that has ended does not change the result
	}
	select {
	case <-d.finished:
		return d.report, d.err
	case <-ctx.Done():
		return Report{}, fmt.Errorf("runner: stopped waiting for another call of Shutdown: %w", context.Cause(ctx))
	}
}

func (r *Runner) drainNow(ctx context.Context, d *drain, info DrainInfo) (Report, error) {
	start := time.Now()
	octx := ctx
	eachApart(1, func(int) { octx = r.observeDrainStarted(ctx, info) })
	r.finishOrCancel(ctx, d)
	r.stopWorkers()

	report := Report{Runner: r.cfg.Name, Started: start, Duration: time.Since(start), Pending: info.Pending()}
	report.Lost = r.lostOf(d)
	report.Completed = report.Pending - len(report.Lost)
	eachApart(1, func(int) { r.observeDrainFinished(octx, report) })
	if len(report.Lost) == 0 {
		return report, nil
	}
	cause := context.Cause(ctx)
	if cause == nil {
		cause = context.DeadlineExceeded // what was left of it was too short to wait for
	}
	return report, fmt.Errorf("runner: drain gave up, %d lost: %w", len(report.Lost), cause)
}

// finishOrCancel waits for the callbacks to finish, cancels them when their
// time is over, and gives up those that do not return.
func (r *Runner) finishOrCancel(ctx context.Context, d *drain) {
	var patience <-chan time.Time // fires shortly before ctx's deadline, if it has one
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		timer := time.NewTimer(left - min(left/cancelShare, maxCancelTime))
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case <-d.empty:
		return
	case <-patience:
	case <-ctx.Done():
	}

	// What waits is dropped first, or the workers of those that return at once
	// would start some of it.
	waiting := []*taskList{&r.paused, &r.reserved, &r.overflow}
	for _, l := range r.limits {
		waiting = append(waiting, &l.held) // before the queue, which they would join
	}
	r.giveUp(append(waiting, &r.queue)...)
	r.cancel(ErrShutdown)
	noted := make(chan struct{})
	go func() {
		defer close(noted)
		r.noteStacks() // slow in a program of many goroutines
	}()

	late := lateTime
	if ctx.Err() != nil {
		late /= 2
		select {
		case <-d.empty:
			return
		case <-time.After(late):
		}
	} else {
		select {
		case <-d.empty:
			return
		case <-ctx.Done():
		}
	}

	over := time.NewTimer(late)
	defer over.Stop()
	select {
	case <-noted:
	case <-over.C:
		over.Reset(0)
	}
	r.giveUp(&r.running)
	select {
	case <-d.empty:
	case <-over.C:
	}
}

// giveUp settles every task of the lists and has it reported, by a goroutine of
// its own because there may be many and Shutdown must be on time.
func (r *Runner) giveUp(lists ...*taskList) {
	var f followUp
	r.mu.Lock()
	r.drain.gaveUp = true
	now := r.clock.now()
	for _, l := range lists {
		for t := l.first; t != nil; t = l.first {
			switch t.state {
			case paused:
				r.settle(t, Canceled, &pausedError{t.err}, now, &f)
			case running:
				r.settle(t, Abandoned, ErrShutdown, now, &f)
			default:
				r.settle(t, Dropped, ErrShutdown, now, &f)
			}
		}
	}
	r.mu.Unlock()
	go r.do(&f)
}

// noteStacks keeps where the running callbacks are as they are canceled, for
// the report on those that do not heed it.
func (r *Runner) noteStacks() {
	r.mu.Lock()
	var workers []string
	for t := r.running.first; t != nil; t = t.next {
		workers = append(workers, t.worker())
	}
	r.mu.Unlock()
	stacks := stacksOf(workers)
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := r.running.first; t != nil; t = t.next {
		if stack := stacks[t.worker()]; stack != "" {
			t.extras().stack = stack
		}
	}
}

// stopWorkers ends the workers, and waits for them unless one is held by a
// callback that was given up.
func (r *Runner) stopWorkers() {
	r.mu.Lock()
	r.stopped = true
	if r.sweepTimer != nil {
		r.sweepTimer.Stop()
	}
	held := slices.ContainsFunc(r.drain.lost, func(t *task) bool { return t.outcome == Abandoned })
	wait := r.workers > 0 && r.unreported == 0 && !held
	r.wake.Broadcast()
	r.mu.Unlock()
	if wait {
		<-r.gone
	}
}

// pausedError is the error of a callback that was given up between two
// attempts. Its text is made when somebody asks for it, not under the lock.
type pausedError struct{ last error }

func (e *pausedError) Error() string {
	return fmt.Sprintf("%v; its last attempt failed: %v", ErrShutdown, e.last)
}

func (e *pausedError) Unwrap() []error { return []error{ErrShutdown, e.last} }

// lostOf lists what the drain lost, the longest asked for first.
func (r *Runner) lostOf(d *drain) []Lost {
	r.mu.Lock()
	slices.SortStableFunc(d.lost, func(a, b *task) int { return cmp.Compare(a.asked, b.asked) })
	var lost []Lost
	contexts := make([]context.Context, len(d.lost))
	for i, t := range d.lost {
		l := Lost{
			Name:    t.ctx.name,
			Outcome: t.outcome,
			Age:     t.finished.sub(t.asked),
			Ran:     t.ranUntil(t.finished),
			Stack:   t.stack(),
		}
		if !t.isObserved() { // otherwise its context is still being made
			contexts[i] = t.values()
		}
		lost = append(lost, l)
	}
	d.lost = nil // the runner may live on, and with it what they hold on to
	r.mu.Unlock()
	if r.cfg.TraceID != nil {
		eachApart(len(lost), func(i int) { lost[i].TraceID = r.traceOf(contexts[i]) })
	}
	return lost
}

// traceOf names the trace of a callback's context, if somebody can.
func (r *Runner) traceOf(ctx context.Context) (id string) {
	if ctx == nil {
		return ""
	}
	defer r.watched.recoverPanic()
	return r.cfg.TraceID(ctx)
}
