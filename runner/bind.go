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
// ends the request's context. Now and then that is before the last bytes have left. It is
// so as a rule if something around Middleware holds the bytes back, as
// http.TimeoutHandler does. On HTTP/2 it is often so, with Bind too: net/http does not say when the last frame of a stream has left. The
// response is never delayed, with or without Bind. Package exacth2 makes "after" exact
// for HTTP/2.
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
// flushed and closed.
type connection struct {
	mu        sync.Mutex
	reporting bool      // ConnState has been called for it
	over      bool      // closed, hijacked, or multiplexed by HTTP/2
	idle      bool      // by the last state reported
	responses int       // flushed so far
	waiting   *response // their handlers have returned; the response is not flushed. Linked by next
	last      *response // of waiting
}

type connectionKey struct{}

func connectionFrom(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// responseEnd is what reports the end of a response.
type responseEnd struct {
	connection *connection // nil: it will not
	number     int         // of the response on its connection

	notify func(done func(whole bool)) bool // of WithResponseEnd; nil: none

	// served ends when the server's handler has returned, which is shortly before
	// the end of the response. nil: nothing reports that.
	served context.Context
}

// endOf returns what will report the end of the response to req.
func endOf(req *http.Request) responseEnd {
	ctx := req.Context()
	var end responseEnd
	if ctx.Done() != nil && ctx.Value(http.ServerContextKey) != nil {
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

// report concludes res when its end is reported: now, if it has ended already, or if
// nothing reports that.
func (e responseEnd) report(res *response) {
	s := res.scope
	isServed := e.served != nil && e.served.Err() == nil // the server's handler goes on
	switch {
	case s.frozen.Load(): // by a hijack
	case e.connection != nil && e.connection.wait(e.number, res):
	case e.notify != nil && e.notify(res.conclude):
	case isServed:
		s.late.Store(res)
		if s.state.Load() != scopeOpen {
			s.awaitServer()
		}
	default:
		res.conclude(false)
	}
}

// current is the number of the response being made, and whether the last
// thing that was heard of the connection is that it is idle. It may be making
// a response all the same: that of a pipelined request.
func (c *connection) current() (number int, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.responses, c.idle
}

func (c *connection) wait(number int, res *response) bool {
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

// changed is called on the connection's own goroutine.
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
