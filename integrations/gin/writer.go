package ginafter

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

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
