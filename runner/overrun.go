package runner

import (
	"context"
	"time"
)

// sweepInterval is the least time between two looks at the running callbacks:
// the latest that one is found, counted from its deadline and grace.
const sweepInterval = time.Second

// watchdog finds callbacks that ignore their deadline. One timer serves all:
// it fires when the first of those running would overrun, and mostly finds
// that it has ended long since.
type watchdog struct {
	overrunning int
	sweep       *time.Timer
	next        time.Time // when sweep fires; zero: it does not
	last        time.Time // when it fired last
}

// overrunsAt is when t counts as overrunning; t has a timeout.
func (t *task) overrunsAt() time.Time {
	return t.started.Add(t.timeout + t.runner.cfg.Grace)
}

// watch makes the watchdog look at t in time. mu is held.
func (r *Runner) watch(t *task) {
	if t.timeout > 0 {
		r.sweepBy(t.overrunsAt(), t.started)
	}
}

// sweepBy has the running callbacks looked at by the time given. mu is held.
func (r *Runner) sweepBy(at, now time.Time) {
	if soonest := r.last.Add(sweepInterval); at.Before(soonest) {
		at = soonest
	}
	if !r.next.IsZero() && !at.Before(r.next) {
		return
	}
	r.next = at
	if r.sweep == nil {
		r.sweep = time.AfterFunc(at.Sub(now), r.look)
	} else {
		r.sweep.Reset(at.Sub(now))
	}
}

// overrun is an attempt that was found overrunning.
type overrun struct {
	task   *task
	ctx    context.Context
	worker string
	info   OverrunInfo
}

// look finds the callbacks that overrun, gives their workers back, and tells
// of them with the stacks they hang on.
func (r *Runner) look() {
	now := time.Now()
	r.mu.Lock()
	r.last, r.next = now, time.Time{}
	var found []overrun
	for t := r.running.first; t != nil; t = t.next {
		switch {
		case t.timeout == 0 || t.overran:
		case now.Before(t.overrunsAt()):
			r.sweepBy(t.overrunsAt(), now)
		case t.observing > 0: // it has not even begun
			r.sweepBy(now, now)
		default:
			r.lend(t, now)
			found = append(found, overrun{t, t.ctx, t.worker, OverrunInfo{StartedInfo: t.startedInfo(), Ran: now.Sub(t.started)}})
		}
	}
	r.mu.Unlock()
	if len(found) == 0 {
		return
	}
	workers := make([]string, len(found))
	for i, o := range found {
		workers[i] = o.worker
	}
	stacks := stacksOf(workers)
	for i, o := range found {
		r.mu.Lock()
		if o.task.onItsGoroutine() { // otherwise it may be another's
			o.info.Stack = stacks[workers[i]]
		}
		r.mu.Unlock()
		r.observeOverrun(o.ctx, o.info)
		r.leave(o.task)
		var f followUp
		r.mu.Lock()
		f.observed(o.task)
		r.mu.Unlock()
		r.do(f)
	}
}

// lend marks t as overrunning and has its worker replaced, if the runner may
// do that. mu is held.
func (r *Runner) lend(t *task, now time.Time) {
	t.overran = true
	t.observing++ // of Overrun
	r.overrunning++
	if t.onWorker && r.lent < r.cfg.MaxOverrunning {
		r.replace(t, now)
	}
}

// replace lets another worker take the place of t's. mu is held.
func (r *Runner) replace(t *task, now time.Time) {
	r.stopClock(t, now)
	t.lent = true
	r.lent++
	if r.queue.first != nil {
		r.callWorker()
	}
}

// lendNext gives what has become free to a task that overruns and whose worker
// could not be replaced before. mu is held.
func (r *Runner) lendNext(now time.Time) {
	for t := r.running.first; t != nil; t = t.next {
		if t.overran && t.onWorker {
			r.replace(t, now)
			return
		}
	}
}

// onItsGoroutine tells whether a started task has not returned, as far as is
// known: one that was abandoned is not waited for. mu is held.
func (t *task) onItsGoroutine() bool {
	return t.state == running || t.state == ended && t.outcome == Abandoned
}
