package runner

import (
	"context"
	"math"
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
	sweepTimer  *time.Timer
	sweptAt     moment // when it fired last
	sweepAt     moment // when it fires; 0: it does not
}

// overrunsAfter is how long t runs before it counts as overrunning; t has a
// timeout.
func (t *task) overrunsAfter() time.Duration {
	if d := t.timeout + t.runner().cfg.Grace; d > 0 {
		return d
	}
	return math.MaxInt64
}

// watch makes the watchdog look at t, which starts now, in time. mu is held.
func (r *Runner) watch(t *task, now moment) {
	if t.timeout > 0 {
		r.sweepIn(t.overrunsAfter(), now)
	}
}

// sweepIn has the running callbacks looked at when that time has passed. mu is
// held.
func (r *Runner) sweepIn(d time.Duration, now moment) {
	if r.sweepAt != 0 && r.sweepAt.sub(now) <= d {
		return
	}
	at := now.add(d)
	if soonest := r.sweptAt.add(sweepInterval); r.sweptAt != 0 && at < soonest {
		at = soonest
		if r.sweepAt == at {
			return
		}
	}
	r.sweepAt = at
	if r.sweepTimer == nil {
		r.sweepTimer = time.AfterFunc(at.sub(now), r.sweep)
	} else {
		r.sweepTimer.Reset(at.sub(now))
	}
}

// overrun is an attempt that was found overrunning.
type overrun struct {
	task *task
	ctx  context.Context
	info OverrunInfo
}

// sweep finds the callbacks that overrun, gives their workers back, and tells
// of them with the stacks they hang on.
func (r *Runner) sweep() {
	r.mu.Lock()
	now := r.clock.now()
	r.sweptAt, r.sweepAt = now, 0
	var found []overrun
	var workers []string
	for t := r.running.first; t != nil; t = t.next {
		switch {
		case t.timeout == 0 || t.overran:
		case t.ranUntil(now) < t.overrunsAfter():
			r.sweepIn(t.overrunsAfter()-t.ranUntil(now), now)
		case t.isObserved(): // it has not even begun
			r.sweepIn(0, now)
		default:
			r.markOverrunning(t, now)
			o := overrun{task: t, ctx: t.values(), info: OverrunInfo{Ran: t.ranUntil(now)}}
			t.fillStarted(&o.info.StartedInfo)
			found = append(found, o)
			workers = append(workers, t.worker())
		}
	}
	r.mu.Unlock()
	if len(found) == 0 {
		return
	}
	stacks := stacksOf(workers)
	eachApart(len(found), func(i int) { r.tellOverrun(&found[i], stacks) })
}

// tellOverrun lets the observers see that a callback overruns, and where.
func (r *Runner) tellOverrun(o *overrun, stacks map[string]string) {
	defer func() { // an observer may call Goexit
		r.leave(o.task)
		var f followUp
		r.mu.Lock()
		f.observed(o.task)
		r.mu.Unlock()
		r.do(&f)
	}()
	r.mu.Lock()
	if o.task.onItsGoroutine() { // otherwise it may be another's
		o.info.Stack = stacks[o.task.worker()]
	}
	r.mu.Unlock()
	r.observeOverrun(o.ctx, &o.info)
}

// markOverrunning marks t as overrunning and has its worker replaced, if the
// runner may do that. mu is held.
func (r *Runner) markOverrunning(t *task, now moment) {
	t.overran = true
	t.observing++ // of Overrun
	r.overrunning++
	switch {
	case !t.onWorker:
		r.freeSlot(t)
	case r.replaced < r.cfg.MaxOverrunning:
		r.replace(t, now)
	}
}

// replace lets another worker take the place of t's, and another callback its
// share of the name's limit. mu is held.
func (r *Runner) replace(t *task, now moment) {
	r.stopClock(t, now)
	t.replaced = true
	r.replaced++
	r.freeSlot(t)
	if r.queue.first != nil {
		r.callWorker()
	}
}

// replaceNext gives what has become free to a task that overruns and whose worker
// could not be replaced before. mu is held.
func (r *Runner) replaceNext(now moment) {
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
