package runner

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// response is the ResponseWriter a handler gets. It notes the status and the
// bytes written, and is dead once the response has ended. Its figures are
// atomic because a handler may write from a goroutine of its own.
type response struct {
	inner   http.ResponseWriter
	scope   *scope
	request *http.Request   // the handler's
	served  context.Context // ends when the server's handler has returned; nil: nothing says when
	server  *http.Server    // nil: none
	start   time.Time

	endsWithContext atomic.Bool // the end of served is that of the server's handler; set as our handler returns

	handlerDone atomic.Bool // our handler has returned
	over        atomic.Bool // the response has ended, or the server's handler has returned
	hijacked    atomic.Bool
	timedOut    atomic.Bool   // http.TimeoutHandler has answered
	prolonged   atomic.Bool   // the handler has set a write deadline of its own
	describedBy atomic.Uint32 // who describes the scope's request, and then concludes it
	status      atomic.Int32  // 0: none yet
	bytes       atomic.Int64

	next *response // the next one of connection.waiting; guarded by connection.mu

	http1 http1Response // what the handler gets on HTTP/1.x: kept here, it costs no allocation
}

// The values of response.describedBy.
const (
	byNobody uint32 = iota
	byHandler
	byHijack
)

// isOver reports whether the handler's ResponseWriter is dead. Without a server that
// says when its handler has returned, it dies with our handler.
func (w *response) isOver() bool {
	switch {
	case w.served == nil:
		return w.handlerDone.Load() && !isRecorder(w.inner)
	case w.over.Load():
		return true
	default:
		return w.handlerDone.Load() && w.endsWithContext.Load() && w.served.Err() != nil
	}
}

// wrote notes what a call of a writing method has returned.
func (w *response) wrote(n int64, err error) {
	w.bytes.Add(n)
	if errors.Is(err, http.ErrHandlerTimeout) {
		w.timedOut.Store(true)
	}
}

// http1Response is a response with what net/http's writer can do on HTTP/1.x.
type http1Response struct {
	*response
	canFlush
	canHijack
	canReadFrom
	canNotify
}

// Unwrap serves http.ResponseController. Once the response is over there is nothing to
// control.
func (w *response) Unwrap() http.ResponseWriter {
	if w.isOver() {
		return nil
	}
	return controlled{w}
}

// controlled is what http.ResponseController finds within a response: it may flush or
// hijack what only a writer further within can do, and the response notes it.
type controlled struct{ *response }

func (c controlled) Unwrap() http.ResponseWriter { return c.inner }

// FlushError is what http.ResponseController looks for.
func (c controlled) FlushError() error { return canFlush{c.response}.FlushError() }

// Hijack is what http.ResponseController looks for.
func (c controlled) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return canHijack{c.response}.Hijack()
}

func (w *response) Header() http.Header {
	if w.isOver() {
		return make(http.Header)
	}
	return w.inner.Header()
}

func (w *response) WriteHeader(status int) {
	if w.isOver() {
		return
	}
	if w.complains("WriteHeader") {
		return
	}
	if status >= 200 && status <= 999 || status == http.StatusSwitchingProtocols {
		w.status.CompareAndSwap(0, int32(status))
	}
	w.inner.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.isOver() {
		return 0, ErrResponseDone
	}
	if w.complains("Write") {
		return 0, http.ErrHijacked
	}
	w.status.CompareAndSwap(0, http.StatusOK)
	n, err := w.inner.Write(p)
	w.wrote(int64(n), err)
	return n, err
}

func (w *response) WriteString(s string) (int, error) {
	if w.isOver() {
		return 0, ErrResponseDone
	}
	if w.complains("Write") {
		return 0, http.ErrHijacked
	}
	w.status.CompareAndSwap(0, http.StatusOK)
	n, err := io.WriteString(w.inner, s)
	w.wrote(int64(n), err)
	return n, err
}

// SetWriteDeadline is what http.ResponseController looks for.
func (w *response) SetWriteDeadline(deadline time.Time) error {
	if w.isOver() {
		return ErrResponseDone
	}
	w.prolonged.Store(true)
	return http.NewResponseController(w.inner).SetWriteDeadline(deadline)
}

// body is the request's body, which ends with the response: net/http closes it
// only later, and on HTTP/2 not at all, so that a callback could read on.
type body struct {
	io.ReadCloser
	response *response
}

func (b *body) Read(p []byte) (int, error) {
	if b.response.isOver() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.ReadCloser.Read(p)
}

// The types below add to a response what only some writers can do.

type canFlush struct{ w *response }

func (c canFlush) Flush() { _ = c.FlushError() }

// FlushError is what http.ResponseController looks for.
func (c canFlush) FlushError() error {
	if c.w.isOver() {
		return ErrResponseDone
	}
	c.w.status.CompareAndSwap(0, http.StatusOK)
	return http.NewResponseController(c.w.inner).Flush()
}

type canHijack struct{ w *response }

func (c canHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if c.w.isOver() {
		return nil, nil, ErrResponseDone
	}
	conn, rw, err := http.NewResponseController(c.w.inner).Hijack()
	if err == nil && !c.w.hijacked.Swap(true) {
		c.w.releaseHijacked()
	}
	return conn, rw, err
}

type canReadFrom struct{ w *response }

// ReadFrom keeps sendfile in use.
func (c canReadFrom) ReadFrom(src io.Reader) (int64, error) {
	if c.w.isOver() {
		return 0, ErrResponseDone
	}
	n, err := c.w.inner.(io.ReaderFrom).ReadFrom(src)
	if n > 0 { // otherwise another status may follow
		c.w.status.CompareAndSwap(0, http.StatusOK)
	}
	c.w.wrote(n, err)
	return n, err
}

type canNotify struct{ w *response }

// CloseNotify is deprecated, but handlers still assert http.CloseNotifier.
func (c canNotify) CloseNotify() <-chan bool {
	if c.w.isOver() {
		return make(chan bool)
	}
	return c.w.inner.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // see above
}

type canPush struct{ w *response }

func (c canPush) Push(target string, opts *http.PushOptions) error {
	if c.w.isOver() {
		return ErrResponseDone
	}
	return c.w.inner.(http.Pusher).Push(target, opts)
}
