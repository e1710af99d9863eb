// Package ginafter mounts a middleware of net/http, a runner's above all, within a
// gin engine.
//
// The simple way needs no package: the Middleware goes around the engine, and one
// gin.HandlerFunc names the routes.
//
//	engine.Use(func(c *gin.Context) { runner.SetPattern(c.Request.Context(), c.FullPath()) })
//	srv := &http.Server{Handler: after.Middleware(engine)}
//
// Use this package if only some routes of an engine have the runner:
//
//	engine.Group("/orders").Use(ginafter.WrapMiddleware(after.Middleware))
//
// gin keeps a status to itself until the first byte of the body. An adapter that leaves
// gin's writer in place hides the status from the runner, and callbacks with
// When(Request.Succeeded) then run after a 500.
package ginafter

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/afterglow-go/afterglow/runner"
)

// WrapMiddleware makes a gin.HandlerFunc of a middleware, as echo.WrapMiddleware does
// for echo. The handlers after it get the ResponseWriter and the request that the
// middleware hands on. If it hands on nothing, they are not called. The
// route's pattern is named for the callbacks of the request.
func WrapMiddleware(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		called := false
		m(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			called = true
			runner.SetPattern(req.Context(), c.FullPath())
			res := &writer{c.Writer, w}
			c.Writer, c.Request = res, req
			c.Next()
			if res.Status() != http.StatusOK {
				res.tell() // gin may send it when the middleware has returned
			}
		})).ServeHTTP(c.Writer, c.Request)
		if !called {
			c.Abort()
		}
	}
}

// writer is gin's ResponseWriter with the middleware's around it.
type writer struct {
	gin.ResponseWriter                     // what only gin's can do: Status, Size, Written, Pusher
	middleware         http.ResponseWriter // ends in gin's
}

// over reports whether the response is done. From then on gin may give its own writer to
// another request, so a callback that still uses w must not reach gin's writer.
func (w *writer) over() bool {
	if outer, ok := w.ResponseWriter.(*writer); ok && outer.over() {
		return true
	}
	u, ok := w.middleware.(interface{ Unwrap() http.ResponseWriter })
	return ok && u.Unwrap() == nil
}

// tell tells the middleware which status gin is about to send.
func (w *writer) tell() {
	if !w.over() && !w.Written() {
		w.middleware.WriteHeader(w.Status())
	}
}

// Unwrap serves http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.middleware }

// Header implements [http.ResponseWriter].
func (w *writer) Header() http.Header { return w.middleware.Header() }

// WriteHeader notes the status, as gin's does.
func (w *writer) WriteHeader(status int) {
	if !w.over() {
		w.ResponseWriter.WriteHeader(status)
	}
}

// WriteHeaderNow implements [gin.ResponseWriter].
func (w *writer) WriteHeaderNow() {
	if !w.over() {
		w.tell()
		w.ResponseWriter.WriteHeaderNow()
	}
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(p []byte) (int, error) {
	w.tell()
	return w.middleware.Write(p)
}

// WriteString implements [gin.ResponseWriter].
func (w *writer) WriteString(s string) (int, error) {
	w.tell()
	return io.WriteString(w.middleware, s)
}

// Flush implements [http.Flusher].
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController looks for.
func (w *writer) FlushError() error {
	w.tell()
	return http.NewResponseController(w.middleware).Flush()
}

// Hijack implements [http.Hijacker].
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.middleware).Hijack()
}
