package runner

import (
	"context"
	"sync/atomic"
)

// hooks tells which events have an observer, so that the others cost nothing.
type hooks struct {
	accepted, rejected, started, startedLate, stuck, retried, finished, failed, sampled, folded, traceID bool

	wantsCaller []func(context.Context) bool

	panics atomic.Uint64 // of observers
}

func (h *hooks) add(o Observer) {
	h.accepted = h.accepted || o.Accepted != nil
	h.rejected = h.rejected || o.Rejected != nil
	h.started = h.started || o.Started != nil
	h.startedLate = h.startedLate || o.StartedLate != nil
	h.stuck = h.stuck || o.Stuck != nil
	h.retried = h.retried || o.Retried != nil
	h.finished = h.finished || o.Finished != nil
	h.failed = h.failed || o.Failed != nil
	h.sampled = h.sampled || o.Sampled != nil
	h.folded = h.folded || o.Folded != nil
	h.traceID = h.traceID || o.TraceID != nil
	if o.WantsCaller != nil {
		h.wantsCaller = append(h.wantsCaller, o.WantsCaller)
	}
}

// callerWanted reports whether an observer wants to know the line that asks.
func (h *hooks) callerWanted(ctx context.Context) (wanted bool) {
	defer h.recoverPanic()
	for _, wants := range h.wantsCaller {
		if wants(ctx) {
			return true
		}
	}
	return false
}

func (h *hooks) wantsStart(t *task) bool {
	return h.started || h.startedLate && t.isLate()
}

// wantsEnd reports whether an observer wants to see an end with that outcome, or
// must name the trace of a lost callback.
func (h *hooks) wantsEnd(o Outcome) bool {
	return h.finished || h.failed && o.IsFailure() || h.traceID && o.Lost()
}

// recoverPanic is deferred around each call of an observer.
func (h *hooks) recoverPanic() {
	if recover() != nil {
		h.panics.Add(1)
	}
}

// tellAll tells the observers of each task of a chain what has happened to it.
func (r *Runner) tellAll(next *task) {
	var t *task
	defer func() {
		if t != nil { // an observer of t has called runtime.Goexit
			t.nextTold, next = next, t
		}
		if next != nil { // that one, or one that unlock has called
			go r.tellAll(next)
		}
	}()
	for next != nil {
		t, next = next, next.nextTold
		t.nextTold = nil
		last, told := r.tell(t), t
		t = nil // its turn is over
		if last != 0 {
			now := r.lock()
			if last == turnReport {
				r.reportedLocked(told)
			} else {
				r.proceedLocked(told, now)
			}
			r.unlock()
		}
	}
}

// tell tells the observers of t, whose turn the caller has, what has happened, to
// the end of the turn. It returns what the caller must do under mu then:
// turnReport, turnProceed or nothing. If an observer calls runtime.Goexit, call
// tell again on another goroutine.
func (r *Runner) tell(t *task) (last uint32) {
	for {
		switch event := t.turn.next(); event {
		case 0, turnReport, turnProceed:
			return event
		case turnFolded:
			notify(t.ctx.asker, r, t.callback(r.readClocks()), func(o *Observer) func(context.Context, Callback) { return o.Folded })
		case turnAccepted:
			r.tellAccepted(t)
		case turnRejected:
			r.tellRejected(t)
		case turnStarted:
			r.tellStarted(t)
		case turnStuck:
			notify(t.ctx.observed(), r, *t.extra.stuck, func(o *Observer) func(context.Context, StuckInfo) { return o.Stuck })
		case turnRetried:
			notify(t.ctx.observed(), r, *t.extra.retried, func(o *Observer) func(context.Context, RetriedInfo) { return o.Retried })
		case turnFinished:
			r.tellFinished(t)
		case turnSampled:
			notify(t.ctx.observed(), r, t.finishedInfo(r.readClocks()), func(o *Observer) func(context.Context, FinishedInfo) { return o.Sampled })
		}
	}
}

func (r *Runner) tellAccepted(t *task) {
	info := AcceptedInfo{Callback: t.callback(r.readClocks()), Depth: int(t.depth), Capacity: r.cfg.Queue, Caller: t.caller}
	follow(r, &t.ctx.asker, info, func(o *Observer) func(context.Context, AcceptedInfo) context.Context { return o.Accepted })
}

func (r *Runner) tellRejected(t *task) {
	info := RejectedInfo{Callback: t.callback(r.readClocks()), Reason: t.reason, Err: t.err, Caller: t.caller}
	notify(t.ctx.asker, r, info, func(o *Observer) func(context.Context, RejectedInfo) { return o.Rejected })
}

func (r *Runner) tellStarted(t *task) {
	info := t.startedInfo(r.readClocks())
	t.ctx.values = t.ctx.observed()
	follow(r, &t.ctx.values, info, func(o *Observer) func(context.Context, StartedInfo) context.Context { return o.Started })
	if t.isLate() {
		notify(t.ctx.values, r, info, func(o *Observer) func(context.Context, StartedInfo) { return o.StartedLate })
	}
}

func (r *Runner) tellFinished(t *task) {
	info := t.finishedInfo(r.readClocks())
	ctx := t.ctx.observed()
	notify(ctx, r, info, func(o *Observer) func(context.Context, FinishedInfo) { return o.Finished })
	if t.outcome.IsFailure() {
		notify(ctx, r, info, func(o *Observer) func(context.Context, FinishedInfo) { return o.Failed })
	}
	if t.outcome.Lost() && r.hooks.traceID {
		r.noteTrace(ctx, t) // last: if it calls runtime.Goexit, no end goes unseen
	}
}

// notify calls a function of each observer that has it.
func notify[Info any](ctx context.Context, r *Runner, info Info, of func(*Observer) func(context.Context, Info)) {
	for i := range r.cfg.Observers {
		if f := of(&r.cfg.Observers[i]); f != nil {
			r.hooks.call(func() { f(ctx, info) })
		}
	}
}

// follow is notify for functions that return the context to go on with. It writes
// each one at once: an observer that calls runtime.Goexit must not undo what those
// before it have done.
func follow[Info any](r *Runner, ctx *context.Context, info Info, of func(*Observer) func(context.Context, Info) context.Context) {
	for i := range r.cfg.Observers {
		if f := of(&r.cfg.Observers[i]); f != nil {
			r.hooks.call(func() {
				if next := f(*ctx, info); next != nil {
					*ctx = next
				}
			})
		}
	}
}

// call calls an observer.
func (h *hooks) call(f func()) {
	defer h.recoverPanic()
	f()
}
