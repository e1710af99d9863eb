package tests

import (
	"context"
	"net/http"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// checkRequest holds what RequestFrom says against what the handler did. mu is
// held.
func (m *model) checkRequest(ctx context.Context, j *job) {
	req, ok := runner.RequestFrom(ctx)
	switch {
	case j.within == nil:
		m.require(!ok, "request", "%v belongs to none and has one", j)
	case j.scope == j.within:
		m.require(ok && j.scope.fits(req), "request", "%v has %+v (%t), not %v", j, req, ok, j.scope)
	}
}

// fits reports whether a callback of the scope may see that request.
func (s *simScope) fits(req runner.Request) bool {
	if s.isRequest {
		return req.Status == s.response.status && req.Panicked == s.response.panics && req.Aborted == (s.response.aborts && !s.response.sent()) && req.Err == nil
	}
	return req.Err == s.err && req.Duration == s.releasedAt.Sub(s.openedAt) //nolint:errorlint // the very same
}

// sent reports whether the server has said that the whole response is sent.
func (r simResponse) sent() bool { return r.bound && r.state == http.StateIdle }

// askedGate notes what the gate of j says.
func (w *world) askedGate(j *job, req runner.Request) (yes bool) {
	w.poke()
	if j.spec.gateName == gateSlow.name {
		w.takeTimeFor(20 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	j.gated++
	w.require(j.gated == 1, "gates decide", "%v: its gate was asked %d times", j, j.gated)
	w.require(!j.open || j.scope.released, "gates decide", "%v: its gate was asked before its scope was released", j)
	w.require(j.within != nil, "gates decide", "%v: its gate was asked without a request", j)
	if j.scope != nil && j.scope == j.within {
		w.require(j.scope.fits(req), "gates decide", "%v: its gate is asked about %+v, not %v", j, req, j.scope)
	}
	j.gateBad, j.skip = true, true // unless it returns
	yes = j.spec.gate(req)
	j.gateBad, j.skip = false, !yes
	return yes
}
