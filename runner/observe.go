package runner

import (
	"context"
	"sync/atomic"
)

// watched tells which events have an observer, so that the others cost
// nothing.
type watched struct {
	accepted, rejected, started, retried, overrun, finished bool

	attempts bool // started, retried or overrun

	panics atomic.Uint64
}

func (w *watched) add(o Observer) {
	w.accepted = w.accepted || o.Accepted != nil
	w.rejected = w.rejected || o.Rejected != nil
	w.started = w.started || o.Started != nil
	w.retried = w.retried || o.Retried != nil
	w.overrun = w.overrun || o.Overrun != nil
	w.finished = w.finished || o.Finished != nil
	w.attempts = w.started || w.retried || w.overrun
}

// recoverPanic is deferred around each call of an observer.
func (w *watched) recoverPanic() {
	if recover() != nil {
		w.panics.Add(1)
	}
}

func (r *Runner) observeAccepted(t *task) {
	if !r.watched.accepted {
		return
	}
	info := AcceptedInfo{Depth: int(t.depth), Capacity: r.cfg.Queue}
	t.fillInfo(&info.Callback)
	for i := range r.cfg.Observers {
		t.ctx.asker = follow(&r.watched, t.ctx.asker, r.cfg.Observers[i].Accepted, &info)
	}
}

func (r *Runner) observeRejected(t *task, err error) {
	if !r.watched.rejected {
		return
	}
	info := RejectedInfo{Reason: reasonOf(err), Err: err}
	t.fillInfo(&info.Callback)
	for i := range r.cfg.Observers {
		notify(&r.watched, t.ctx.asker, r.cfg.Observers[i].Rejected, &info)
	}
}

func (r *Runner) observeStarted(t *task) {
	t.ctx.values = (*askerValues)(t.ctx)
	if t.linked { // askerValues keeps the context: a chain of callbacks would keep them all
		t.ctx.values = uncanceled(&r.watched, t.ctx.asker)
	}
	for i := range r.cfg.Observers {
		t.ctx.values = r.followStarted(t, r.cfg.Observers[i].Started)
	}
}

// followStarted is follow for a start. It makes the information where that is
// handed on, so that the worker's stack has one copy less of it.
func (r *Runner) followStarted(t *task, observe func(context.Context, StartedInfo) context.Context) (next context.Context) {
	next = t.ctx.values
	if observe == nil {
		return next
	}
	defer r.watched.recoverPanic()
	var info StartedInfo
	t.fillStarted(&info)
	if c := observe(next, info); c != nil {
		next = c
	}
	return next
}

func (r *Runner) observeRetried(t *task, info *RetriedInfo) {
	if !r.watched.retried {
		return
	}
	ctx := t.values()
	for i := range r.cfg.Observers {
		notify(&r.watched, ctx, r.cfg.Observers[i].Retried, info)
	}
}

func (r *Runner) observeOverrun(ctx context.Context, info *OverrunInfo) {
	if !r.watched.overrun {
		return
	}
	for i := range r.cfg.Observers {
		notify(&r.watched, ctx, r.cfg.Observers[i].Overrun, info)
	}
}

func (r *Runner) observeFinished(t *task) {
	if !r.watched.finished {
		return
	}
	ctx := uncanceled(&r.watched, t.values())
	for i := range r.cfg.Observers {
		r.notifyFinished(ctx, t, r.cfg.Observers[i].Finished)
	}
}

// notifyFinished is notify for an end, as followStarted is follow.
func (r *Runner) notifyFinished(ctx context.Context, t *task, observe func(context.Context, FinishedInfo)) {
	if observe == nil {
		return
	}
	defer r.watched.recoverPanic()
	var info FinishedInfo
	t.fillStarted(&info.StartedInfo)
	info.Outcome, info.Err, info.Finished = t.outcome, t.err, r.clock.at(t.finished)
	info.Overran, info.Stack = t.overran, t.stack()
	observe(ctx, info)
}

func (r *Runner) observeDrainStarted(ctx context.Context, info DrainInfo) context.Context {
	for i := range r.cfg.Observers {
		ctx = follow(&r.watched, ctx, r.cfg.Observers[i].DrainStarted, &info)
	}
	return ctx
}

func (r *Runner) observeDrainFinished(ctx context.Context, report Report) {
	for i := range r.cfg.Observers {
		notify(&r.watched, ctx, r.cfg.Observers[i].DrainFinished, &report)
	}
}

// uncanceled is [context.WithoutCancel] where that makes a difference.
func uncanceled(w *watched, ctx context.Context) (values context.Context) {
	values = ctx
	defer w.recoverPanic() // ctx may be the user's
	if ctx.Done() != nil {
		values = context.WithoutCancel(ctx)
	}
	return values
}

// follow calls a start-like observer and returns the context to go on with.
func follow[Info any](w *watched, ctx context.Context, observe func(context.Context, Info) context.Context, info *Info) (next context.Context) {
	next = ctx
	if observe == nil {
		return next
	}
	defer w.recoverPanic()
	if c := observe(ctx, *info); c != nil {
		next = c
	}
	return next
}

// notify calls an observer that only looks on.
func notify[Info any](w *watched, ctx context.Context, observe func(context.Context, Info), info *Info) {
	if observe == nil {
		return
	}
	defer w.recoverPanic()
	observe(ctx, *info)
}
