package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Runner runs callbacks on a bounded pool of workers. Make one with [New] and
// end it with [Runner.Shutdown]. All its methods are safe for concurrent use.
type Runner struct {
	cfg Config // written by New only

	// base is the parent of every callback's context; the drain cancels it, with
	// ErrShutdown, when it gives up waiting.
	base   context.Context
	cancel context.CancelCauseFunc

	// detached is the scope of callbacks that wait for nothing: it has been
	// released from the start.
	detached *scope

	watched watched // which events have an observer; written by New only
	clock   clock

	// What every callback changes lies together, at the end of pool and the
	// beginning of ledger: processors hand memory to each other a cache line at a
	// time, and these go from the asker's to the worker's and back.
	pool          // guarded by mu
	drain  *drain // guarded by mu; not nil once Shutdown has been called
	mu     sync.Mutex
	ledger // guarded by mu

	wake       sync.Cond    // L is &mu; signaled when queue has a task, broadcast when stopped
	goroutines atomic.Int64 // that have run callbacks; numbers their labels
}

// New returns a runner that works as cfg says. Its error names every field
// that cannot be used. It starts no goroutine before there is work.
func New(cfg Config) (*Runner, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Runner{cfg: cfg.withDefaults()}
	r.clock.begin()
	r.base, r.cancel = context.WithCancelCause(context.Background())
	r.detached = &scope{runner: r, released: true}
	r.wake.L = &r.mu
	r.gone = make(chan struct{})
	r.merging = make(map[mergeKey]*task)
	r.limits = newLimits(r.cfg.Limits)
	for _, o := range r.cfg.Observers {
		r.watched.add(o)
	}
	return r, nil
}

// After asks for fn to be run after the response of the request that ctx
// belongs to, by the runner whose [Runner.Middleware] or [Runner.Scope] is the
// innermost in ctx. It returns at once; nil means that a place is reserved and
// fn will run, or be named by Shutdown's Report.
//
// After works in callbacks too, to any depth. Called when the response is
// already done, there or in a goroutine that outlives its handler, it makes
// fn due at once.
//
// The name is constant and tells callbacks apart in metrics, spans and logs.
//
// fn's context has the values of ctx, but not its cancellation or deadline. It
// is canceled when the callback's own timeout has passed (cause [ErrTimeout]),
// when Shutdown gives up waiting (cause [ErrShutdown]), and after fn has
// returned.
//
// The errors are [ErrNoScope], [ErrInvalidName] and [ErrNilFunc] for a mistake
// in the call, and [ErrQueueFull], [ErrMaxWait], [ErrNested], [ErrOverrunning]
// and [ErrClosed] for a refused callback. Under [Block] the error of a wait that
// ctx's end cut short matches ErrQueueFull and ctx's cause.
func After(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	if s := scopeFrom(ctx); s != nil {
		return s.runner.ask(ctx, s, name, fn, opts)
	}
	if by := callbackFrom(ctx); by != nil {
		return by.runner.ask(ctx, by.runner.detached, name, fn, opts)
	}
	return ErrNoScope
}

// After is the same as the function [After], for this runner out of several
// whose scopes ctx has.
func (r *Runner) After(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	for s := scopeFrom(ctx); s != nil; s = s.outer {
		if s.runner == r {
			return r.ask(ctx, s, name, fn, opts)
		}
	}
	if by := callbackFrom(ctx); by != nil && by.runner == r {
		return r.ask(ctx, r.detached, name, fn, opts)
	}
	return fmt.Errorf("%w: none of runner %q", ErrNoScope, r.cfg.Name)
}

// Go asks for fn to be run now: it is due at once, whatever ctx belongs to.
// All else is as with [After].
//
// A callback that asks for its successor without end, a poller say, does best
// to give Go a context of its own: with its callback's context, what observers
// put into the values of each stays reachable from the next.
func (r *Runner) Go(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	return r.ask(ctx, r.detached, name, fn, opts)
}

// ask takes a callback the whole way from the call to its scope or the queue.
func (r *Runner) ask(ctx context.Context, s *scope, name string, fn func(context.Context) error, opts []Option) error {
	if fn == nil {
		return fmt.Errorf("%w: %.100q", ErrNilFunc, name)
	}
	if !validName(name) {
		return fmt.Errorf("%w: got %.100q", ErrInvalidName, name)
	}
	t := r.newTask(ctx, s, name, fn, opts)
	if s == r.detached && t.policy != nil && t.policy.once != nil {
		return ErrNoScope
	}
	announces := r.announces(t)
	var f followUp
	if err := r.admit(t, &f); err != nil {
		if errors.Is(err, errAskerEnded) {
			err = &waitError{context.Cause(ctx)}
		}
		defer r.observeRejected(t, err)
		r.do(&f)
		return err
	}
	if announces { // otherwise t may have ended
		f.accepted = t
	}
	r.do(&f)
	return nil
}

// announce tells the observers that t was accepted, and then makes it due if
// nothing holds it back.
func (r *Runner) announce(t *task) {
	defer func() { // an observer may call Goexit
		var f followUp
		r.mu.Lock()
		f.observed(t)
		isDue, due, from := t.state == reserved && t.scope.released, t.asked, t.waitsFrom()
		if t.afterResponse { // released while its acceptance was being observed
			due, from = t.scope.releasedAt, t.scope.releasedAt
		}
		gated := t.gated()
		if isDue && !gated {
			r.makeDue(t, due, from, &f)
		}
		r.mu.Unlock()
		r.do(&f)
		if isDue && gated {
			r.admitDue([]*task{t}, due)
		}
	}()
	r.observeAccepted(t)
}

// Stats returns a snapshot of the runner's state.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.now()
	s := Stats{
		Name:     r.cfg.Name,
		Workers:  r.cfg.Workers,
		Capacity: r.cfg.Queue,
		Closed:   r.drain != nil,

		Asked:    r.asked,
		Reserved: r.reserved.len,
		Queued:   r.waiting(),
		Paused:   r.paused.len,
		Running:  r.running.len,
		Outcomes: r.outcomes,

		Depth:     r.places,
		HighWater: r.highWater.read(r.places, now),
		BusyTime:  r.busyDone,

		Overrunning: r.overrunning,
		Replaced:    r.replaced,

		ObserverPanics: r.watched.panics.Load(),
	}
	var oldestDue moment
	if t := r.longestDue(); t != nil {
		oldestDue = t.turn
	}
	if t := r.overflow.first; t != nil && (oldestDue == 0 || t.turn < oldestDue) {
		oldestDue = t.turn
	}
	s.OldestDue = r.clock.at(oldestDue)
	if t := r.running.first; t != nil {
		s.OldestRunning = r.clock.at(t.started)
	}
	for t := r.running.first; t != nil; t = t.next {
		if t.onWorker {
			s.Busy++
			s.BusyTime += t.ranUntil(now)
		}
	}
	// An attempt ends at a time that was read before the lock was had.
	r.busySeen = max(r.busySeen, s.BusyTime)
	s.BusyTime = r.busySeen
	return s
}
