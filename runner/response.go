package runner

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// response is the ResponseWriter a handler gets. It notes the status and the
// bytes written, and is dead once the handler has returned. Its figures are
// atomic because a handler may write from a goroutine of its own.
type response struct {
	inner    http.ResponseWriter
	over     atomic.Bool // the handler has returned
	hijacked atomic.Bool
	status   atomic.Int32 // 0: none yet
	bytes    atomic.Int64

	http1 http1Response // what the handler gets on HTTP/1.x: kept here, it costs no allocation
}

// http1Response is a response with what net/http's writer can do on HTTP/1.x.
type http1Response struct {
	*response
	canFlush
	canHijack
	canReadFrom
	canNotify
}

// Unwrap serves http.ResponseController. Once the handler has returned there
// is nothing to control.
func (w *response) Unwrap() http.ResponseWriter {
	if w.over.Load() {
		return nil
	}
	return w.inner
}

func (w *response) Header() http.Header {
	if w.over.Load() {
		return make(http.Header)
	}
	return w.inner.Header()
}

func (w *response) WriteHeader(status int) {
	if w.over.Load() {
		return
	}
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.status.CompareAndSwap(0, int32(status))
	}
	w.inner.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.over.Load() {
		return 0, ErrResponseDone
	}
	w.status.CompareAndSwap(0, http.StatusOK)
	n, err := w.inner.Write(p)
	w.bytes.Add(int64(n))
	return n, err
}

func (w *response) WriteString(s string) (int, error) {
	if w.over.Load() {
		return 0, ErrResponseDone
	}
	w.status.CompareAndSwap(0, http.StatusOK)
	n, err := io.WriteString(w.inner, s)
	w.bytes.Add(int64(n))
	return n, err
}

// body is the request's body, which ends with the handler: net/http closes it
// only later, and on HTTP/2 not at all, so that a callback could read on.
type body struct {
	io.ReadCloser
	over *atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.over.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.ReadCloser.Read(p)
}

// The types below add to a response what only some writers can do.

type canFlush struct{ w *response }

func (c canFlush) Flush() { _ = c.FlushError() }

// FlushError is what http.ResponseController looks for.
func (c canFlush) FlushError() error {
	if c.w.over.Load() {
		return ErrResponseDone
	}
	c.w.status.CompareAndSwap(0, http.StatusOK)
	return http.NewResponseController(c.w.inner).Flush()
}

type canHijack struct{ w *response }

func (c canHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if c.w.over.Load() {
		return nil, nil, ErrResponseDone
	}
	conn, rw, err := c.w.inner.(http.Hijacker).Hijack()
	if err == nil {
		c.w.hijacked.Store(true)
	}
	return conn, rw, err
}

type canReadFrom struct{ w *response }

// ReadFrom keeps sendfile in use.
func (c canReadFrom) ReadFrom(src io.Reader) (int64, error) {
	if c.w.over.Load() {
		return 0, ErrResponseDone
	}
	n, err := c.w.inner.(io.ReaderFrom).ReadFrom(src)
	if n > 0 { // otherwise another status may follow
		c.w.status.CompareAndSwap(0, http.StatusOK)
	}
	c.w.bytes.Add(n)
	return n, err
}

type canNotify struct{ w *response }

// CloseNotify is deprecated, and still asked for by assertion.
func (c canNotify) CloseNotify() <-chan bool {
	if c.w.over.Load() {
		return make(chan bool)
	}
	return c.w.inner.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // see above
}

type canPush struct{ w *response }

func (c canPush) Push(target string, opts *http.PushOptions) error {
	if c.w.over.Load() {
		return ErrResponseDone
	}
	return c.w.inner.(http.Pusher).Push(target, opts)
}
