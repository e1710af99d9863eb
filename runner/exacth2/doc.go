// Package exacth2 makes "after" exact for HTTP/2: a callback starts only once the last
// byte of its response has been handed to the kernel.
//
// # Usage
//
// Call [Configure] once, when the server's fields are set and before it serves:
//
//	srv := &http.Server{Addr: ":443", Handler: after.Middleware(mux)}
//	if err := exacth2.Configure(srv); err != nil {
//		return err
//	}
//	runner.Bind(srv) // exact for HTTP/1.x
//	err := srv.ListenAndServeTLS("cert.pem", "key.pem")
//
// It serves any number of runners, and works together with runner.Runner.Serve and
// runner.Bind, in any order. Without it, callbacks of HTTP/2 requests start once their
// handler has returned, which is often before the response has left.
//
// # What it does
//
// net/http does not say when the last frame of a stream has left. So this package takes
// the connections over: it is what srv.TLSNextProto names for HTTP/2. It serves each
// connection with a private http.Server, which has the settings and the handler of srv,
// and which reads and writes through a wrapper. The wrapper follows the frames. The
// response of a stream has ended when the write has returned that has its END_STREAM or
// a RST_STREAM, when the client has reset it, or when the connection is closed.
// Callbacks and observers never delay a frame: the runner calls them on goroutines of its own.
// The frames are those that net/http sends without this package.
//
// HTTP/2 without TLS (http.Protocols.SetUnencryptedHTTP2) is exact as well.
//
// # Costs
//
// Each connection has one more goroutine, and some 12 KB more memory. Each request takes
// about two microseconds more.
//
// # Logging
//
// The package logs to http.Server.ErrorLog, as net/http does. A nil ErrorLog means the
// standard logger of package log. It logs only what it cannot do with a version of net/http
// that it does not know.
//
// # Limits
//
// A client that never lets the rest of a response through, by HTTP/2's flow control or by
// not reading, holds its callbacks for as long as [MaxHold] after the handler has returned.
// Then they are due, and the response goes on. http.Server.WriteTimeout ends such a
// response earlier.
//
// The number of a stream is read from a private field of net/http's ResponseWriter. If a
// version of Go has no such field, callbacks of HTTP/2 requests start when their handler has
// returned, as without this package. The first such request of a server is logged.
//
// A server that golang.org/x/net/http2.ConfigureServer has configured keeps its HTTP/2, and
// callbacks start when their handler has returned. Configure then returns [ErrTaken].
// If ConfigureServer is called after Configure, nothing says so.
//
// http.Server.SetKeepAlivesEnabled has no effect on HTTP/2 connections.
//
// A connection whose TLS handshake ends during http.Server.Shutdown is told by a GOAWAY
// frame that no request of it will be served. The client may repeat the request elsewhere.
package exacth2
