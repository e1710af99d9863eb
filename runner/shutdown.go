package runner

import (
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

// Shutdown closes the runner and drains it: from now on After, Go and Do return
// [ErrClosed], and what was accepted before is finished. That includes callbacks whose
// response is not done yet, so shut the server down first. It also includes what those
// callbacks ask for with their own context: a chain is finished. A callback that asks
// for its successor without end looks at [Draining].
//
// Shutdown returns when everything has finished, and at the latest when ctx's
// deadline is reached, even if callbacks hang. When nine tenths of the time are
// over (or one second is left, whichever is later) it cancels the contexts of
// the callbacks still running, with the cause [ErrShutdown], and drops those
// that have not started. A callback that then returns an error is [OutcomeCanceled];
// one that is still running at the deadline is [OutcomeAbandoned]: its goroutine goes
// on, but nothing counts or waits for it any more. If ctx is canceled, the same
// happens at once, and Shutdown returns within 100 ms. Without deadline and
// cancellation it waits for as long as it takes, but drops callbacks whose responses
// or scopes stay open for 10 s when nothing else is left.
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
	if by := originOf(ctx).callback; by != nil && by.runner == r {
		return Report{}, errShutdownInside
	}
	_, has := ctx.Deadline()
	d, info, isFirst := r.beginDrain(!has)
	if isFirst {
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

// beginDrain closes the runner, unless that has been done.
func (r *Runner) beginDrain(endless bool) (d *drain, info DrainInfo, isFirst bool) {
	now := r.lock()
	defer r.unlock()
	if r.drain != nil {
		return r.drain, DrainInfo{}, false
	}
	r.drain = &drain{empty: make(chan struct{}), gone: make(chan struct{}), finished: make(chan struct{}), stalled: make(chan struct{}), endless: endless, traces: make(map[*task]string)}
	close(r.draining)
	r.refuseWaitersLocked()
	r.progressLocked()
	r.lookAgainLocked(now)
	s := r.statsLocked(now)
	return r.drain, DrainInfo{Runner: s.Name, Reserved: s.Reserved, Queued: s.Queued, Paused: s.Paused, Running: s.Running}, true
}

// Draining returns a channel that is closed when the Shutdown of the runner that
// runs the callback with this context begins; nil if ctx is not a callback's. A
// callback that works in a loop ends it then: its own context is canceled only
// when the drain gives up.
func Draining(ctx context.Context) <-chan struct{} {
	if by := originOf(ctx).callback; by != nil {
		return by.runner.draining
	}
	return nil
}

func (r *Runner) drainNow(ctx context.Context, d *drain, info DrainInfo) (Report, error) {
	start := time.Now()
	octx := r.tellDrainStarted(ctx, info)
	r.finishOrCancel(ctx, d)
	r.stop(d)

	report := Report{Runner: r.cfg.Name, Started: start, Duration: time.Since(start)}
	var joined int
	report.Lost, joined = r.lostOf(d, report.Duration)
	report.Pending = info.Pending() + joined
	report.Completed = report.Pending - len(report.Lost)
	r.tellDrainFinished(ctx, octx, report)
	if len(report.Lost) == 0 {
		return report, nil
	}
	cause := context.Cause(ctx)
	select {
	case <-d.stalled:
		cause = errStalled
	default:
	}
	if cause == nil {
		cause = context.DeadlineExceeded // what was left of it was too short to wait for
	}
	return report, fmt.Errorf("runner: drain gave up, %d lost: %w", len(report.Lost), cause)
}

// tellDrainStarted calls the observers on a goroutine of their own, which they may
// end.
func (r *Runner) tellDrainStarted(ctx context.Context, info DrainInfo) (next context.Context) {
	next = ctx
	apart(func() {
		follow(r, &next, info, func(o *Observer) func(context.Context, DrainInfo) context.Context { return o.DrainStarted })
	})
	return next
}

// tellDrainFinished waits for the observers, but no longer than lateTime after the end
// of Shutdown's context.
func (r *Runner) tellDrainFinished(ctx, observed context.Context, report Report) {
	told := make(chan struct{})
	go func() {
		defer close(told)
		notify(observed, r, report, func(o *Observer) func(context.Context, Report) { return o.DrainFinished })
	}()
	select {
	case <-told:
		return
	case <-ctx.Done():
	}
	select {
	case <-told:
	case <-time.After(lateTime):
	}
}

// apart calls f, which calls user code, on a goroutine of its own: runtime.Goexit
// does not end the caller's.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
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
	case <-d.stalled:
	case <-ctx.Done():
	}

	r.cancelAll()
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
	r.abandonAll()
	select {
	case <-d.empty:
	case <-over.C:
	}
}

// cancelAll drops what waits, so that no worker starts some of it, and then
// cancels what runs.
func (r *Runner) cancelAll() {
	now := r.lock()
	r.drain.gaveUp = true
	waiting := []*taskList{&r.paused, &r.reserved}
	for name := range r.cfg.Limits {
		waiting = append(waiting, &r.byName[name].held) // before the queue, which they would join
	}
	for _, l := range append(waiting, &r.queue) {
		for t := l.first; t != nil; t = l.first {
			r.giveUpLocked(t, ErrShutdown, now)
		}
	}
	r.eachRunningLocked(func(t *task) { t.ctx.end(shutDown) })
	r.unlockLater()
}

// abandonAll gives up what runs.
func (r *Runner) abandonAll() {
	now := r.lock()
	r.eachRunningLocked(func(t *task) { r.giveUpLocked(t, ErrShutdown, now) })
	r.unlockLater()
}

// stop ends the watch and waits for the workers, unless one is held by a
// callback that was given up.
func (r *Runner) stop(d *drain) {
	r.mu.Lock()
	if r.alarm != nil {
		r.alarm.Stop()
	}
	if d.openTimer != nil {
		d.openTimer.Stop()
	}
	isHeld := slices.ContainsFunc(d.lost, func(t *task) bool { return t.outcome == OutcomeAbandoned })
	wait := d.isEmpty && !isHeld
	r.unlock()
	if wait {
		<-d.gone
	}
}
