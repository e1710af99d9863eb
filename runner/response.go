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

// The four types below add to a response what only some writers can do.

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
	c.w.status.CompareAndSwap(0, http.StatusOK)
	n, err := c.w.inner.(io.ReaderFrom).ReadFrom(src)
	c.w.bytes.Add(n)
	return n, err
}

type canPush struct{ w *response }

func (c canPush) Push(target string, opts *http.PushOptions) error {
	if c.w.over.Load() {
		return ErrResponseDone
	}
	return c.w.inner.(http.Pusher).Push(target, opts)
}

// withCapabilities returns w with what its inner writer can do, and no more:
// callers ask by type assertion.
func (w *response) withCapabilities() http.ResponseWriter {
	f, h, r, p := canFlush{w}, canHijack{w}, canReadFrom{w}, canPush{w}
	_, flush := w.inner.(http.Flusher)
	_, hijack := w.inner.(http.Hijacker)
	_, readFrom := w.inner.(io.ReaderFrom)
	_, push := w.inner.(http.Pusher)
	switch [4]bool{flush, hijack, readFrom, push} {
	case [4]bool{false, false, false, false}:
		return w
	case [4]bool{true, false, false, false}:
		return struct {
			*response
			canFlush
		}{w, f}
	case [4]bool{false, true, false, false}:
		return struct {
			*response
			canHijack
		}{w, h}
	case [4]bool{true, true, false, false}:
		return struct {
			*response
			canFlush
			canHijack
		}{w, f, h}
	case [4]bool{false, false, true, false}:
		return struct {
			*response
			canReadFrom
		}{w, r}
	case [4]bool{true, false, true, false}:
		return struct {
			*response
			canFlush
			canReadFrom
		}{w, f, r}
	case [4]bool{false, true, true, false}:
		return struct {
			*response
			canHijack
			canReadFrom
		}{w, h, r}
	case [4]bool{true, true, true, false}: // HTTP/1.x
		return struct {
			*response
			canFlush
			canHijack
			canReadFrom
		}{w, f, h, r}
	case [4]bool{false, false, false, true}:
		return struct {
			*response
			canPush
		}{w, p}
	case [4]bool{true, false, false, true}: // HTTP/2
		return struct {
			*response
			canFlush
			canPush
		}{w, f, p}
	case [4]bool{false, true, false, true}:
		return struct {
			*response
			canHijack
			canPush
		}{w, h, p}
	case [4]bool{true, true, false, true}:
		return struct {
			*response
			canFlush
			canHijack
			canPush
		}{w, f, h, p}
	case [4]bool{false, false, true, true}:
		return struct {
			*response
			canReadFrom
			canPush
		}{w, r, p}
	case [4]bool{true, false, true, true}:
		return struct {
			*response
			canFlush
			canReadFrom
			canPush
		}{w, f, r, p}
	case [4]bool{false, true, true, true}:
		return struct {
			*response
			canHijack
			canReadFrom
			canPush
		}{w, h, r, p}
	default:
		return struct {
			*response
			canFlush
			canHijack
			canReadFrom
			canPush
		}{w, f, h, r, p}
	}
}
