package runner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// scope is what one request, RPC or command has asked to be run after it. It is
// the context to ask in, too. Until the first After it is one atomic word: opening
// and releasing it takes no lock.
type scope struct {
	context.Context

	runner   *Runner
	outer    *scope           // the one around it, of this or another runner; nil: none
	callback *callbackContext // that it was opened in; nil: none

	// state goes from open to used under the runner's mu, and from used to
	// released as well. From open to released it goes without.
	state   atomic.Uint32
	pattern atomic.Pointer[string] // see SetPattern
	failure atomic.Pointer[error]  // see SetError
	call    atomic.Pointer[rpc]    // see SetRPC

	lookLabels sync.Once
	labelsSeen any // pprof's, of the context around the scope; written by lookLabels

	// request is what the scope runs after. It is written before frozen is set,
	// and not afterwards.
	request Request
	frozen  atomic.Bool
	byHand  bool // no HTTP request; not written after the scope is opened

	// late is the response of a handler that has returned before the server's handler. It
	// is nil as soon as something waits for the server's handler. The first call of After
	// makes the scope wait, so a request that asks for nothing costs no wait.
	late atomic.Pointer[response]

	// What follows is guarded by the runner's mu.
	first, last *task // reserved in this scope; linked by sibling
	reserved    int   // of these
	releasedAt  moment
	once        map[mergeKey]bool // nil until the first Once
	pending     int               // tasks for which something is left to be done
	idle        chan struct{}     // closed when pending is 0; nil until somebody waits
}

const (
	scopeOpen uint32 = iota
	scopeUsed
	scopeReleased
)

// openScope returns a scope of r within ctx.
func (r *Runner) openScope(ctx context.Context) *scope {
	from := originOf(ctx)
	return &scope{Context: ctx, runner: r, outer: from.scope, callback: from.callback}
}

// Value implements [context.Context].
func (s *scope) Value(key any) any {
	if key == (originKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// labels returns the pprof labels of the context around the scope. It looks once, as
// a handler often asks for several callbacks.
func (s *scope) labels() any {
	s.lookLabels.Do(func() { s.labelsSeen = s.Context.Value(labelsKey) })
	return s.labelsSeen
}

// String implements [fmt.Stringer]: fmt would read what others write.
func (s *scope) String() string { return "runner.Scope(" + s.runner.cfg.Name + ")" }

// Scope opens a scope by hand: for an RPC, a command, a cron job, a test.
// Callbacks asked for with [After] and the returned context wait until release
// is called; they become due in the order asked. release takes the error that
// the RPC or command has ended with, which the callbacks find in Request.Err, and
// [When] can look at. Calls of release after the first do nothing. A scope that
// is never released keeps its places until Shutdown drops its callbacks by name.
// [Wait] waits for what the scope has asked for.
func (r *Runner) Scope(ctx context.Context) (_ context.Context, release func(error)) {
	s := r.openScope(ctx)
	s.byHand = true
	start := r.now()
	var once sync.Once
	return s, func(err error) {
		aborted := errors.Is(ctx.Err(), context.Canceled) // user code: if it panics, release can be called again
		once.Do(func() {
			s.request = Request{
				Start:    r.readClocks().at(start),
				Duration: r.now().since(start),
				Aborted:  aborted,
				Err:      err,
			}
			s.freeze()
			s.release()
		})
	}
}

// awaitServer concludes the late response, if there is one, when the server's handler
// has returned.
func (s *scope) awaitServer() {
	if res := s.late.Load(); res != nil && s.late.CompareAndSwap(res, nil) {
		context.AfterFunc(res.served, func() { res.conclude(false) })
	}
}

// concludeLate concludes the response of a request that has asked for nothing, if the
// server's handler has returned.
func (s *scope) concludeLate() {
	if res := s.late.Load(); res != nil && res.served.Err() != nil && s.late.CompareAndSwap(res, nil) {
		res.conclude(false)
	}
}

// freeze publishes s.request.
func (s *scope) freeze() {
	if pattern := s.pattern.Load(); pattern != nil {
		s.request.Pattern = *pattern
	}
	if failure := s.failure.Load(); failure != nil && s.request.Err == nil {
		s.request.Err = *failure
	}
	if call := s.call.Load(); call != nil {
		s.request.RPC, s.request.Code = call.system, call.code
	}
	s.frozen.Store(true)
}

// Wait returns when every callback that was asked for in the innermost scope
// of ctx with After has ended, those that callbacks asked for with After and
// their own context included. How they ended is for an [Observer] to see. What
// Go and Do take in belongs to no scope. The scope must have been released,
// or be released meanwhile. Wait returns ctx's cause if ctx ends before, and
// [ErrNoScope] without a scope. A callback that waits for its own scope waits
// for itself, until its timeout.
func Wait(ctx context.Context) error {
	s := originOf(ctx).scope
	if s == nil {
		return misused(MisuseNoScope, "", ErrNoScope)
	}
	select {
	case <-s.whenIdle():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// whenIdle returns a channel that is closed once nothing is left to be done for
// the tasks of s.
func (s *scope) whenIdle() <-chan struct{} {
	s.runner.mu.Lock()
	defer s.runner.unlock()
	if s.pending == 0 {
		return closed
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	return s.idle
}

// enterLocked counts a task that was accepted.
func (s *scope) enterLocked(t *task) {
	if s == s.runner.detached {
		return
	}
	s.pending++
	if t.policy != nil && t.policy.once != nil {
		if s.once == nil {
			s.once = make(map[mergeKey]bool)
		}
		s.once[*t.policy.once] = true
	}
}

// leftLocked counts a task for which nothing is left to be done.
func (s *scope) leftLocked() {
	if s == s.runner.detached {
		return
	}
	s.pending--
	if s.pending == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// reserveLocked keeps t until s is released. It returns false if that has
// happened.
func (s *scope) reserveLocked(t *task) bool {
	s.state.CompareAndSwap(scopeOpen, scopeUsed)
	if s.state.Load() == scopeReleased {
		return false
	}
	if s.last == nil {
		s.first = t
	} else {
		s.last.sibling = t
	}
	s.last = t
	s.reserved++
	return true
}

// release makes the scope's callbacks due.
func (s *scope) release() {
	if s.state.CompareAndSwap(scopeOpen, scopeReleased) || s.state.Load() == scopeReleased {
		return
	}
	r := s.runner
	now := r.lock()
	if s.state.Swap(scopeReleased) != scopeReleased {
		s.releasedAt = now
		t := s.first
		s.first, s.last, s.reserved = nil, nil, 0
		for t != nil {
			next := t.sibling
			t.sibling = nil
			r.releaseLocked(t, now)
			t = next
		}
		r.grantLocked() // calls of After that wait in this scope need less now
	}
	r.unlockLater() // the server waits, perhaps with a lock of its own
}

// releaseLocked lets a reserved task go on, as soon as its observers have seen
// that it was accepted. One that has ended was dropped by the drain.
func (r *Runner) releaseLocked(t *task, now moment) {
	if t.phase == phaseReserved && t.turn.post(turnProceed) {
		t.turn.next() // nobody had it
		r.proceedLocked(t, now)
	}
}

// proceedLocked lets t go on when its observers have seen what has happened.
func (r *Runner) proceedLocked(t *task, now moment) {
	switch {
	case t.phase == phasePaused:
		r.restLocked(t)
	case t.phase != phaseReserved || t.scope.state.Load() != scopeReleased:
	case t.isGated() || len(r.todo.gated) > 0: // those of one scope stay in order
		r.todo.gated = append(r.todo.gated, t)
	default:
		r.dueLocked(t, t.dueSince(), now)
	}
}

// dueSince returns since when a task is due whose scope is released.
func (t *task) dueSince() moment {
	if t.askedAfter {
		return t.scope.releasedAt
	}
	return t.asked
}
