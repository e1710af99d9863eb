package tests

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// simScope is a scope of the program: one opened by hand, or a request's.
type simScope struct {
	ctx     context.Context
	release func()
	outer   *simScope

	isRequest bool
	response  simResponse
	err       error // that one opened by hand is released with
	openedAt  time.Time

	// Guarded by the model's mu.
	released   bool
	releasedAt time.Time
	gates      bool   // a gate may keep some of its jobs for a moment
	jobs       []*job // accepted in it
	open       int    // of those, not ended
	waits      []*scopeWait
	once       map[string]int // accepted and not coalesced, by name and key
	mixed      map[string]bool
}

// scopeWait is a call of Wait.
type scopeWait struct{ mayReturn, returned bool }

// simResponse is how a simulated handler ends.
type simResponse struct {
	status                int
	panics, aborts, bound bool
	state                 http.ConnState // that a bound connection reports at the end
	late                  bool           // middleware outside writes the status, and the server says when it has returned
}

func (r simResponse) String() string {
	return fmt.Sprintf("status %d, panics %t, aborted %t, bound %t (%v), late %t", r.status, r.panics, r.aborts, r.bound, r.state, r.late)
}

func (o op) response() (r simResponse) {
	r = simResponse{status: pick(o[1], 200, 500, 302), panics: o[2]&7 == 7, aborts: o[3]&3 == 3, bound: o[4]&1 == 1, state: pick(o[4]>>1&3, http.StateIdle, http.StateClosed, http.StateHijacked)}
	r.late = !r.bound && !r.aborts && o[4]>>1&1 == 1
	if o[5]&3 == 3 && r.panics {
		r.status = 0
	}
	return r
}

// request is the scope of the request that s belongs to, if it does.
func (s *simScope) request() *simScope {
	for ; s != nil && !s.isRequest; s = s.outer {
	}
	return s
}

// enter and leave count the jobs of a scope. The model's mu is held.
func (s *simScope) enter(j *job) {
	s.gates = s.gates || j.spec.gate != nil
	s.jobs = append(s.jobs, j)
	s.open++
	if j.spec.once != "" {
		if s.once == nil {
			s.once, s.mixed = map[string]int{}, map[string]bool{}
		}
		key := j.spec.name + j.spec.once
		s.once[key]++
		s.mixed[key] = s.mixed[key] || j.spec.coalesce != ""
	}
}

func (s *simScope) leave(j *job) {
	if j.outcome == runner.OutcomeCoalesced && j.spec.once != "" {
		s.once[j.spec.name+j.spec.once]--
	}
	s.open--
	if s.open == 0 {
		for _, w := range s.waits {
			w.mayReturn = true
		}
	}
}

// checkScopes holds Once and Wait.
func (w *world) checkScopes() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy+w.lingering() > 0 || w.sight != seesAll {
		return // observers have not been told all
	}
	for _, s := range w.scopes {
		for key, n := range s.once {
			w.require(n == 1 || s.mixed[key], "once", "%d callbacks of %q in one scope", n, key)
		}
		for _, wait := range s.waits {
			w.require(wait.returned || s.open > 0, "wait", "Wait goes on, and nothing is open")
		}
	}
}

// openScope opens a scope by hand, within the latest request if that is open.
func (w *world) openScope(o op) {
	s := &simScope{ctx: context.Background(), openedAt: time.Now(), err: pick(o[2], nil, nil, errSim)}
	if o[1]&1 == 1 && len(w.scopes) > 0 {
		s.outer = w.scopes[len(w.scopes)-1]
		s.ctx = s.outer.ctx
	}
	ctx, release := w.runner.Scope(s.ctx)
	s.ctx, s.release = ctx, func() { release(s.err) }
	w.addScope(s)
}

// maxScopes is how many scopes a program keeps; older ones are forgotten, as by
// a handler that never returns.
const maxScopes = 6

func (w *world) addScope(s *simScope) {
	w.scopes = append(w.scopes, s)
	w.all = append(w.all, s)
	if len(w.scopes) > maxScopes {
		w.scopes = w.scopes[1:]
	}
}

func (w *world) scope(b byte) *simScope {
	if len(w.scopes) == 0 {
		return nil
	}
	return w.scopes[int(b)%len(w.scopes)]
}

// openRequest calls the middleware as a server would, with a handler that
// returns when its scope is released.
func (w *world) openRequest(o op) {
	s := &simScope{isRequest: true, response: o.response()}
	ctx, cancel := context.WithCancel(context.Background())
	flushed := func() {}
	if s.response.bound {
		var conn net.Conn = &net.TCPConn{}
		ctx = w.server.ConnContext(ctx, conn)
		w.server.ConnState(conn, http.StateNew)
		w.server.ConnState(conn, http.StateActive)
		flushed = func() { w.server.ConnState(conn, s.response.state) }
	}
	if s.response.late {
		ctx = context.WithValue(ctx, http.ServerContextKey, &w.server)
	}
	var writer http.ResponseWriter // the handler's
	entered, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	handler := w.runner.Middleware(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		s.ctx = req.Context()
		close(entered)
		<-leave
		if s.response.aborts {
			cancel()
		}
		if s.response.late {
			writer = rw
		} else if s.response.status != 0 {
			rw.WriteHeader(s.response.status)
		}
		if !s.response.bound && !s.response.late {
			w.mark(s)
		}
		if s.response.panics {
			panic(http.ErrAbortHandler)
		}
	}))
	go func() {
		defer close(left)
		defer cancel()
		defer func() {
			if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very same
				w.caught(v)
			}
			if s.response.late {
				w.pass(time.Millisecond) // the middleware takes its time
				if s.response.status != 0 {
					writer.WriteHeader(s.response.status)
				}
				w.mark(s)
			}
		}()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/sim", nil))
	}()
	<-entered
	s.release = func() {
		close(leave)
		<-left
		if s.response.bound {
			w.pass(time.Millisecond) // the response is on its way
			w.mark(s)
		}
		flushed()
	}
	w.addScope(s)
}

// mark notes that a scope is about to be released: from now on its jobs may
// run.
func (w *world) mark(s *simScope) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	s.released, s.releasedAt = true, now
	for _, j := range s.jobs {
		if j.phase == accepted && j.order == 0 {
			w.becomesDue(j, now)
		}
	}
}

// releaseScope releases a scope, once.
func (w *world) releaseScope(s *simScope) {
	release := s.release
	if release == nil {
		return
	}
	s.release = nil
	go func() {
		defer w.left()
		if !s.isRequest {
			w.mark(s)
		}
		release()
	}()
}

// waitScope calls Wait for a while.
func (w *world) waitScope(o op) {
	s := w.scope(o[1])
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, pick(o[2], time.Second, time.Minute, time.Millisecond))
	w.mu.Lock()
	wait := &scopeWait{mayReturn: s.open == 0}
	s.waits = append(s.waits, wait)
	w.mu.Unlock()
	go func() {
		defer cancel()
		err := runner.Wait(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		wait.returned = true
		w.require(wait.mayReturn || err != nil, "wait", "Wait returned while %d callbacks were open", s.open)
		w.require(err == nil || ctx.Err() != nil, "wait", "Wait returned %v", err)
	}()
}
