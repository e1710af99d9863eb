package runner

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// describe writes what RequestFrom will return, except for what can still change until
// the response has ended. Only requests with callbacks pay for copies.
func (w *response) describe(panicked bool) {
	req := w.request
	seen := &w.scope.request
	*seen = Request{
		Method:     req.Method,
		Pattern:    req.Pattern,
		URL:        req.URL,
		Proto:      req.Proto,
		Host:       req.Host,
		RemoteAddr: req.RemoteAddr,
		Header:     req.Header,
		Start:      w.start,
		Duration:   time.Since(w.start),
		Aborted:    errors.Is(req.Context().Err(), context.Canceled),
		TimedOut:   w.findTimeout(),
		Panicked:   panicked,
	}
	if w.scope.state.Load() == scopeUsed {
		seen.Header = req.Header.Clone()
		if req.URL != nil {
			url := *req.URL
			seen.URL = &url
		}
	}
}

// conclude ends the response: the writer is dead, and the callbacks are due. whole
// reports whether the server is known to have sent the whole response.
func (w *response) conclude(whole bool) {
	if w.describedBy.Load() == byHijack {
		return
	}
	w.over.Store(true)
	seen := &w.scope.request
	seen.Status = int(w.status.Load())
	seen.Bytes = w.bytes.Load()
	seen.Aborted = seen.Aborted && !whole
	switch {
	case w.timedOut.Load():
		seen.TimedOut, seen.Status = true, http.StatusServiceUnavailable // as http.TimeoutHandler answers
	case seen.Status == 0 && !seen.Panicked && !seen.TimedOut:
		seen.Status = http.StatusOK // net/http writes it for the handler
	}
	seen.TimedOut = seen.TimedOut || !whole && w.outlastsServer()
	w.scope.freeze()
	w.scope.release()
}

// releaseHijacked makes the callbacks due when the handler has hijacked the connection:
// there will be no response.
func (w *response) releaseHijacked() {
	if !w.describedBy.CompareAndSwap(byNobody, byHijack) {
		return // the handler has returned meanwhile
	}
	w.describe(false)
	w.scope.request.Status = int(w.status.Load())
	w.scope.freeze()
	w.scope.release()
}

// findTimeout reports whether a middleware outside has answered in place of the handler,
// or may have: http.TimeoutHandler's writer says so, and for others it is enough that the
// deadline of the request's context has passed. If the handler writes straight to
// net/http's writer, its own answer was sent.
func (w *response) findTimeout() bool {
	if !errors.Is(w.request.Context().Err(), context.DeadlineExceeded) || isServerWriter(w.inner) {
		return w.timedOut.Load()
	}
	if w.status.Load() != 0 || isTimeoutWriter(w.inner) { // an empty write changes nothing, and http.TimeoutHandler's writer says if it has answered
		_, err := w.inner.Write(nil)
		w.wrote(0, err)
	}
	return true
}

// outlastsServer reports whether the handler has taken longer than the server's
// WriteTimeout, so that its response has not reached the client.
func (w *response) outlastsServer() bool {
	return w.server != nil && w.server.WriteTimeout > 0 && !w.prolonged.Load() && w.scope.request.Duration > w.server.WriteTimeout
}
