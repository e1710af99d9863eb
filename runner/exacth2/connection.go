package exacth2

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// prefaceTimeout is how long net/http waits for the first bytes of a client.
const prefaceTimeout = 10 * time.Second

// connection is one HTTP/2 connection. It is also the listener and the handler of the
// private server that serves it.
type connection struct {
	server  *server      // that user has of Configure
	user    *http.Server // to which it came
	nc      net.Conn     // as user knows it
	tls     *tls.ConnectionState
	base    context.Context // of its requests
	handler http.Handler    // user's
	wire    *wire
	served  net.Conn // what private serves: wire, with what this version of net/http needs
	private *http.Server
	once    sync.Once     // guards that Accept returns the connection only once
	over    chan struct{} // closed when the private server has closed the connection
	end     sync.Once     // guards that over is closed only once

	mu       sync.Mutex
	active   bool // the client has sent its preface
	draining bool
}

// serveTLS serves a connection on which HTTP/2 was negotiated.
func (s *server) serveTLS(user *http.Server, tc *tls.Conn, h http.Handler) {
	state := tc.ConnectionState()
	if refused(user, tc, state) {
		return
	}
	w := newWire(tc, "")
	s.serve(&connection{server: s, user: user, nc: tc, tls: &state, handler: h, wire: w, served: overTLS(w, state)})
}

// serveCleartext serves a connection on which the client has sent the preface of
// HTTP/2. net/http hands the connection over inside a *tls.Conn that has no other use.
func (s *server) serveCleartext(user *http.Server, tc *tls.Conn, h http.Handler) {
	inner, ok := tc.NetConn().(interface{ UnencryptedNetConn() net.Conn })
	if !ok {
		logf(user, "HTTP/2 without TLS is not served, as this version of net/http is not known (its connection is a %T)", tc.NetConn())
		return
	}
	nc := inner.UnencryptedNetConn()
	w := newWire(nc, preface)
	s.serve(&connection{server: s, user: user, nc: nc, handler: h, wire: w, served: w})
}

// serve serves c until it is closed.
func (s *server) serve(c *connection) {
	c.base = context.WithValue(context.Background(), http.ServerContextKey, c.user)
	// net/http gives the context of the connection to its own HTTP/2 in this way.
	if h, ok := c.handler.(interface{ BaseContext() context.Context }); ok {
		c.base = h.BaseContext()
	}
	c.over = make(chan struct{})
	c.private = newPrivate(c)
	s.add(c)
	defer s.remove(c)
	_ = c.private.Serve(c)                 // ends when c is over
	c.once.Do(func() { _ = c.nc.Close() }) // if the private server never accepted c
}

// newPrivate returns a server that serves c as c.user would.
func newPrivate(c *connection) *http.Server {
	user := c.user
	p := &http.Server{
		Handler:                      c,
		DisableGeneralOptionsHandler: true, // c.handler answers
		ReadTimeout:                  user.ReadTimeout,
		ReadHeaderTimeout:            prefaceTimeout, // HTTP/2 uses it for nothing else
		WriteTimeout:                 user.WriteTimeout,
		IdleTimeout:                  user.IdleTimeout,
		MaxHeaderBytes:               user.MaxHeaderBytes,
		ErrorLog:                     user.ErrorLog,
		HTTP2:                        user.HTTP2,
		Protocols:                    new(http.Protocols),
		ConnState:                    c.changed,
		ConnContext:                  func(context.Context, net.Conn) context.Context { return c.base },
	}
	p.Protocols.SetUnencryptedHTTP2(true)
	copyNewer(p, user)
	return p
}

// Accept gives the private server its only connection, and then waits for its end.
func (c *connection) Accept() (nc net.Conn, err error) {
	c.once.Do(func() { nc = c.served })
	if nc != nil {
		return nc, nil
	}
	<-c.over
	return nil, net.ErrClosed
}

// Close does nothing: Accept ends when the connection does.
func (c *connection) Close() error { return nil }

// Addr implements [net.Listener].
func (c *connection) Addr() net.Addr { return c.nc.LocalAddr() }

// changed is the private server's ConnState. The user's server reports the beginning and
// the end of the connection itself.
func (c *connection) changed(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
	case http.StateClosed:
		c.wire.finish()
		c.end.Do(func() { close(c.over) })
	default:
		if hook := c.user.ConnState; hook != nil {
			hook(c.nc, state)
		}
		c.markActive()
	}
}

// markActive notes that the client has sent its preface. From now on net/http can tell
// the client by GOAWAY that the connection will end.
func (c *connection) markActive() {
	c.mu.Lock()
	now := !c.active && c.draining
	c.active = true
	c.mu.Unlock()
	if now {
		c.goAway()
	}
}

// drain lets the connection finish its streams, and end.
func (c *connection) drain() {
	c.mu.Lock()
	now := c.active && !c.draining
	c.draining = true
	c.mu.Unlock()
	if now {
		c.goAway()
	}
}

// goAway has the private server send GOAWAY. Its Shutdown waits for the end of the
// connection, so the goroutine ends with the connection. The caller does not wait.
func (c *connection) goAway() {
	go func() { _ = c.private.Shutdown(context.Background()) }()
}

// ServeHTTP serves a request of the private server with the user's handler, which sees it
// as if the user's server had served it.
func (c *connection) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.TLS == nil {
		req.TLS = c.tls // here and not in the copy, as Push looks at it
	}
	// net/http ends its own context only with the stream, and a writer that is used between
	// makes it panic.
	served, returned := context.WithCancel(req.Context())
	defer returned()
	s := &stream{Context: served, server: c.user, wire: c.wire}
	var ctx context.Context = s
	if number, ok := numberOf(w); ok {
		s.number = number
		c.wire.open(s)
		ctx = runner.WithResponseEnd(s, s.notify)
		defer c.wire.returned(s)
	} else {
		c.server.unknown.Do(func() {
			logf(c.user, "callbacks of HTTP/2 requests start when their handler has returned, as this version of net/http is not known (its ResponseWriter is a %T)", w)
		})
	}
	inner := req.WithContext(ctx)
	// net/http removes the files of the form that it finds here.
	defer func() { req.MultipartForm = inner.MultipartForm }()
	c.handler.ServeHTTP(w, inner)
}
