package runner

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"
)

// Bind makes "after" exact for HTTP/1.x: callbacks of a request that srv
// serves start only once the last byte of its response has been handed to the
// kernel. Without Bind, and for HTTP/2, they start once the handler has
// returned, which in about one of a hundred responses is a moment before the
// last bytes leave. The response is never delayed either way.
//
// Bind sets srv.ConnContext and srv.ConnState and calls what was set there
// before. Call it before srv serves, as those fields must not change later.
// If it comes later all the same, or if one of the fields is set anew after
// it, connections that have not passed through both keep the promise of a
// server without Bind; no callback is lost.
//
// One Bind serves every runner whose Middleware the requests pass.
func (r *Runner) Bind(srv *http.Server) {
	var connections sync.Map // net.Conn -> *connection
	connContext, connState := srv.ConnContext, srv.ConnState

	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		// net/http panics on a nil context, and says why.
		if ctx == nil || connectionFrom(ctx) != nil || !reflect.ValueOf(nc).Comparable() {
			return ctx
		}
		c := new(connection)
		connections.Store(nc, c)
		return context.WithValue(ctx, connectionKey{}, c)
	}
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if connState != nil {
			connState(nc, state)
		}
		if !reflect.ValueOf(nc).Comparable() {
			return
		}
		c, ok := connections.Load(nc)
		if !ok {
			return
		}
		if state == http.StateClosed || state == http.StateHijacked {
			connections.Delete(nc)
		}
		c.(*connection).changed(state)
	}
}

// connection follows the state of one connection of a bound server, on which
// HTTP/1.x serves one request at a time. net/http reports StateIdle when a
// response has been flushed, and StateClosed when the connection has been
// flushed and closed.
type connection struct {
	mu        sync.Mutex
	reporting bool     // ConnState has been called for it
	over      bool     // closed or hijacked
	responses int      // flushed so far
	waiting   []*scope // their handlers have returned; the response is not flushed
}

type connectionKey struct{}

func connectionFrom(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// connectionOf returns the connection that tells when the response to req is
// flushed, or nil if none does.
func connectionOf(req *http.Request) *connection {
	if req.ProtoMajor != 1 {
		return nil
	}
	return connectionFrom(req.Context())
}

// current is the number of the response being made.
func (c *connection) current() int {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.responses
}

// releaseAfter releases s once the numbered response is flushed: now, if it is
// already, or if nothing will tell.
func (c *connection) releaseAfter(response int, s *scope) {
	if c == nil || !c.wait(response, s) {
		s.release()
	}
}

func (c *connection) wait(response int, s *scope) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reporting || c.over || c.responses != response {
		return false
	}
	c.waiting = append(c.waiting, s)
	return true
}

// changed is called on the connection's own goroutine.
func (c *connection) changed(state http.ConnState) {
	c.mu.Lock()
	c.reporting = true
	var done []*scope
	switch state {
	case http.StateIdle:
		c.responses++
		done, c.waiting = c.waiting, nil
	case http.StateClosed, http.StateHijacked:
		c.over = true
		done, c.waiting = c.waiting, nil
	}
	c.mu.Unlock()
	for _, s := range done {
		s.release()
	}
}
