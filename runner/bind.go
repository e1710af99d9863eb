package runner

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"reflect"
	"sync"
)

// Bind makes "after" exact for HTTP/1.x. Callbacks of a request that srv serves
// start only once the last byte of its response has been handed to the kernel.
//
// Without Bind, callbacks start once the server's handler has returned: net/http then
// ends the request's context. Sometimes the last bytes have not left by then. They
// usually have not if a handler around Middleware holds them back, as
// http.TimeoutHandler does. On HTTP/2 they often have not, with Bind too, because
// net/http does not say when the last frame of a stream has left. Package exacth2 makes
// "after" exact for HTTP/2. The response is never delayed, with or without Bind.
//
// Bind sets srv.ConnContext and srv.ConnState, which call what was set there before.
// Call it before srv serves, as these fields must not change later. If Bind comes
// later, or if one of the fields is set anew, connections that have not passed through
// both keep the promise of a server without Bind, and no callback is lost.
//
// A handler that has switched to full duplex and leaves a request's body unread
// holds its callbacks until net/http has read the rest of the body; ReadTimeout bounds
// that time.
//
// One Bind serves every runner whose Middleware the requests pass.
// [Runner.Serve] calls it.
func Bind(srv *http.Server) {
	if srv == nil {
		panic("runner: Bind of a nil http.Server")
	}
	var connections sync.Map // net.Conn -> *connection
	connContext, connState := srv.ConnContext, srv.ConnState

	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		// net/http panics on a nil context, and says why.
		if ctx == nil || connectionFrom(ctx) != nil || !isKey(nc) {
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
		if !isKey(nc) {
			return
		}
		c, ok := connections.Load(nc)
		if !ok {
			return
		}
		if state == http.StateClosed || state == http.StateHijacked {
			connections.Delete(nc)
		}
		if multiplexed(nc, state) {
			state = http.StateHijacked // its states say nothing about a response
		}
		c.(*connection).changed(state)
	}
}

// isKey reports whether nc can be a key of a map. Almost every connection is a
// pointer, and for these the question costs no allocation.
func isKey(nc net.Conn) bool {
	return reflect.TypeOf(nc).Kind() == reflect.Pointer || reflect.ValueOf(nc).Comparable()
}

// multiplexed reports whether TLS has just negotiated HTTP/2. Requests that such a
// handler makes up itself can look like HTTP/1.1 and must not wait for the
// connection.
func multiplexed(nc net.Conn, state http.ConnState) bool {
	t, ok := nc.(*tls.Conn)
	return ok && state == http.StateActive && t.ConnectionState().NegotiatedProtocol == "h2"
}

// connection follows the state of one connection of a bound server, on which
// HTTP/1.x serves one request at a time. net/http reports StateIdle when a
// response has been flushed, and StateClosed when the connection has been
// flushed and closed. mu guards all other fields.
type connection struct {
	mu        sync.Mutex
	reporting bool      // ConnState has been called for it
	over      bool      // closed, hijacked, or multiplexed by HTTP/2
	idle      bool      // by the last state reported
	responses int       // flushed so far
	waiting   *response // whose handlers have returned, and that are not flushed; linked by next
	last      *response // of waiting
}

type connectionKey struct{}

func connectionFrom(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// responseEnd is what reports the end of a response.
type responseEnd struct {
	connection *connection // nil: none reports it
	number     int         // of the response on its connection

	notify func(done func(whole bool)) bool // of WithResponseEnd; nil: none

	// served ends when the server's handler has returned, which is shortly before
	// the end of the response. nil: nothing reports that.
	served context.Context

	server *http.Server // nil: none
}

// endOf returns what will report the end of the response to req.
func endOf(req *http.Request) responseEnd {
	ctx := req.Context()
	var end responseEnd
	end.server, _ = ctx.Value(http.ServerContextKey).(*http.Server)
	if end.server != nil && ctx.Done() != nil {
		end.served = ctx
	}
	if end.notify = responseEndFrom(ctx); end.notify != nil {
		return end
	}
	c := connectionFrom(ctx)
	if c == nil {
		return end
	}
	if req.ProtoMajor != 1 {
		c.changed(http.StateHijacked) // its states say nothing about a response
		return end
	}
	number, idle := c.current()
	// On an idle connection a context that has ended shows that the response
	// has left already: a TimeoutHandler outside may have answered.
	if idle && ctx.Err() != nil {
		return end
	}
	end.connection, end.number = c, number
	return end
}

// endsWithContext reports whether the end of the request's context is that of the
// server's handler. Our handler has just returned. A context that has ended before was
// ended by something else, perhaps a client that has closed its half of the connection;
// and one with a deadline by a middleware.
func (e responseEnd) endsWithContext() bool {
	if e.served == nil || e.served.Err() != nil {
		return false
	}
	_, has := e.served.Deadline()
	return !has
}

// report concludes res when its end is reported. It concludes res now if res has ended
// already, or if nothing reports its end.
func (e responseEnd) report(res *response) {
	s := res.scope
	isServing := e.served != nil && e.served.Err() == nil // the server's handler has not returned
	switch {
	case res.describedBy.Load() == byHijack:
	case e.connection != nil && e.connection.await(e.number, res):
	case e.notify != nil && e.notify(res.conclude):
	case isServing:
		s.late.Store(res)
		if s.state.Load() != scopeOpen {
			s.awaitServer()
		}
	default:
		res.conclude(false)
	}
}

// current returns the number of the response that is being made. idle reports whether
// the connection's last state is StateIdle. The connection may be making a response all
// the same: net/http reports no StateActive for a pipelined request.
func (c *connection) current() (number int, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.responses, c.idle
}

// await has res concluded when the response with that number is flushed. It returns false
// if the connection will not report that.
func (c *connection) await(number int, res *response) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reporting || c.over || c.responses != number {
		return false
	}
	if c.last == nil {
		c.waiting = res
	} else {
		c.last.next = res
	}
	c.last = res
	return true
}

// changed notes a new state of the connection, and concludes the responses that have
// ended with it.
func (c *connection) changed(state http.ConnState) {
	c.mu.Lock()
	c.reporting = true
	c.idle = state == http.StateIdle
	var done *response
	switch state {
	case http.StateIdle:
		c.responses++
		done, c.waiting, c.last = c.waiting, nil, nil
	case http.StateClosed, http.StateHijacked:
		c.over = true
		done, c.waiting, c.last = c.waiting, nil, nil
	}
	c.mu.Unlock()
	for done != nil {
		res := done
		done, res.next = res.next, nil
		res.conclude(state == http.StateIdle)
	}
}
