package runner

import (
	"context"
	"sync/atomic"
	"time"
)

// scope is what one request, RPC or command has asked to be run after it.
type scope struct {
	runner *Runner
	outer  *scope // the one around it, of this or another runner

	// frozen is the request the scope belongs to, once its handler has
	// returned. Scopes without a request leave it nil.
	frozen atomic.Pointer[Request]

	tasks    []*task // reserved in this scope; guarded by the runner's mu
	released bool    // guarded by the runner's mu

	releasedAt time.Time // guarded by the runner's mu
}

type scopeKey struct{}

// scopeFrom returns the innermost scope of ctx.
func scopeFrom(ctx context.Context) *scope {
	s, _ := ctx.Value(scopeKey{}).(*scope)
	return s
}

// open returns a scope of r within ctx, and a context to ask in it.
func (r *Runner) open(ctx context.Context) (*scope, context.Context) {
	s := &scope{runner: r, outer: scopeFrom(ctx)}
	return s, context.WithValue(ctx, scopeKey{}, s)
}

// Scope opens a scope by hand: for an RPC, a command, a cron job, a test.
// Callbacks asked for with [After] and the returned context wait until release
// is called; they become due in the order asked. Calls of release after the
// first do nothing. A scope that is never released keeps its places until
// Shutdown drops its callbacks by name.
func (r *Runner) Scope(ctx context.Context) (_ context.Context, release func()) {
	if ctx == nil {
		panic("runner: nil Context")
	}
	s, ctx := r.open(ctx)
	return ctx, s.release
}

// release makes the scope's callbacks due. Only RunInCaller makes it wait.
func (s *scope) release() {
	r := s.runner
	r.mu.Lock()
	if s.released {
		r.mu.Unlock()
		return
	}
	now := time.Now()
	s.released, s.releasedAt = true, now
	var here []*task
	for _, t := range s.tasks {
		// One whose acceptance is still being observed is made due by its
		// asker; one that has ended was dropped by the drain.
		if t.observed && t.state == reserved && r.makeDue(t, now) {
			here = append(here, t)
		}
	}
	s.tasks = nil
	r.mu.Unlock()
	for _, t := range here {
		r.runHere(t)
	}
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
