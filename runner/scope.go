package runner

import (
	"context"
	"slices"
	"sync/atomic"
)

// scope is what one request, RPC or command has asked to be run after it.
type scope struct {
	runner *Runner
	outer  *scope // the one around it, of this or another runner

	// frozen is the request the scope belongs to, once its handler has
	// returned. Scopes without a request leave it nil.
	frozen atomic.Pointer[Request]

	// What follows is guarded by the runner's mu.
	tasks      []*task // reserved in this scope
	released   bool
	releasedAt moment
	once       map[mergeKey]bool // nil until the first Once
	open       int               // tasks that have not been reported
	idle       chan struct{}     // closed when open is 0; nil until somebody waits
}

type scopeKey struct{}

// scopeFrom returns the innermost scope of ctx.
func scopeFrom(ctx context.Context) *scope {
	if ctx == nil {
		panic("runner: nil Context")
	}
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// openScope returns a scope of r within ctx, and a context to ask in it.
func (r *Runner) openScope(ctx context.Context) (*scope, context.Context) {
	s := &scope{runner: r, outer: scopeFrom(ctx)}
	return s, context.WithValue(ctx, scopeKey{}, s)
}

// Scope opens a scope by hand: for an RPC, a command, a cron job, a test.
// Callbacks asked for with [After] and the returned context wait until release
// is called; they become due in the order asked. Calls of release after the
// first do nothing. A scope that is never released keeps its places until
// Shutdown drops its callbacks by name. [Wait] waits for what the scope has
// asked for.
func (r *Runner) Scope(ctx context.Context) (_ context.Context, release func()) {
	s, ctx := r.openScope(ctx)
	return ctx, s.release
}

// Wait returns when every callback that was asked for in the innermost scope
// of ctx with After has ended, those that callbacks asked for with After and
// their own context included. How they ended is for an [Observer] to tell. What
// Go and Track take in belongs to no scope. The scope must have been released,
// or be released meanwhile. Wait returns ctx's cause if ctx ends before, and
// [ErrNoScope] without a scope. A callback that waits for its own scope waits
// for itself, until its timeout.
func Wait(ctx context.Context) error {
	s := scopeFrom(ctx)
	if s == nil {
		return ErrNoScope
	}
	select {
	case <-s.whenIdle():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// whenIdle returns a channel that is closed once no task of s is open.
func (s *scope) whenIdle() <-chan struct{} {
	s.runner.mu.Lock()
	defer s.runner.mu.Unlock()
	idle := make(chan struct{})
	if s.open == 0 {
		close(idle)
		return idle
	}
	if s.idle == nil {
		s.idle = idle
	}
	return s.idle
}

// isDetached tells whether s stands for no scope. Nobody waits for that, so its
// tasks are not counted.
func (s *scope) isDetached() bool { return s == s.runner.detached }

// entered counts a task that was accepted. mu is held.
func (s *scope) entered(t *task) {
	if s.isDetached() {
		return
	}
	s.open++
	if t.policy != nil && t.policy.once != nil {
		if s.once == nil {
			s.once = make(map[mergeKey]bool)
		}
		s.once[*t.policy.once] = true
	}
}

// left counts a task that was reported. mu is held.
func (s *scope) left() {
	if s.isDetached() {
		return
	}
	s.open--
	if s.open == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// seen tells whether the key of Once was asked for before. mu is held.
func (s *scope) seen(k mergeKey) bool { return s.once[k] }

// release makes the scope's callbacks due. Only RunInCaller makes it wait.
func (s *scope) release() {
	r := s.runner
	r.mu.Lock()
	var tasks []*task
	for _, t := range s.tasks {
		// One whose acceptance is still being observed is made due by its
		// asker; one that has ended was dropped by the drain.
		if !t.isObserved() && t.state == reserved {
			tasks = append(tasks, t)
		}
	}
	now := r.clock.now()
	if !s.released {
		s.released, s.releasedAt, s.tasks = true, now, nil
	}
	r.mu.Unlock()
	if len(tasks) > 0 {
		r.admitDue(tasks, now)
	}
}

// admitDue asks the gates of tasks that are due, and makes those due that may
// run.
func (r *Runner) admitDue(tasks []*task, due moment) {
	var answers []answer // by index of tasks; nil: nobody was asked
	if slices.ContainsFunc(tasks, (*task).gated) {
		answers = askGates(tasks)
	}
	var f followUp
	r.mu.Lock()
	now := r.clock.now() // the gates have taken their time
	for i, t := range tasks {
		switch {
		case t.state != reserved: // the drain gave up meanwhile
		case answers != nil && answers[i].refused:
			r.settle(t, answers[i].outcome, answers[i].err, now, &f)
		default:
			r.makeDue(t, due, now, &f)
		}
	}
	r.mu.Unlock()
	r.do(&f)
}

// frozenRequest returns the request of the scope, or of the nearest around it
// that has one.
func (s *scope) frozenRequest() (Request, bool) {
	for ; s != nil; s = s.outer {
		if req := s.frozen.Load(); req != nil {
			return *req, true
		}
	}
	return Request{}, false
}
