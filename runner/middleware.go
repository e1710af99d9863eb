package runner

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Middleware gives each request a scope, so that [After] works with the
// request's context. The callbacks become due when the response is done; [Bind]
// says when that is. They run however the handler ends: also if it panics, and if the
// client leaves.
//
// The response is what it would be without Middleware. The ResponseWriter that
// next gets implements those of http.Flusher, http.Hijacker, io.ReaderFrom and
// http.Pusher that the server's writer implements, and Unwrap for
// http.ResponseController. Handlers reach deadlines, which have no interface, through
// http.ResponseController and not by a type assertion. As with every wrapper,
// http.MaxBytesReader cannot close the connection after an oversized body; put
// http.MaxBytesHandler around Middleware for that.
//
// Once the handler has returned, the ResponseWriter is dead: its methods do nothing,
// and return [ErrResponseDone] if they return an error. The request's body cannot be
// read any more. The files of a multipart form are gone when the response is done, as
// without Middleware. A callback must use none of them.
//
// A request that asks for no callback takes no lock of the runner.
func (r *Runner) Middleware(next http.Handler) http.Handler {
	if next == nil {
		panic("runner: Middleware of a nil http.Handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer := responseTo(req)
		r.serve(next, w, req, func(s *scope, _ bool) { answer.release(s) })
	})
}

// serve has h serve the request in a scope of its own. However h ends, done is
// called then, to release it.
func (r *Runner) serve(h http.Handler, w http.ResponseWriter, req *http.Request, done func(s *scope, returned bool)) {
	s := r.openScope(req.Context())
	inner := req.WithContext(s)
	res := &response{inner: w}
	if inner.Body != nil && inner.Body != http.NoBody {
		inner.Body = &body{inner.Body, &res.over}
	}
	start := time.Now()
	returned := false
	defer func() {
		res.over.Store(true)
		copyBack(req, inner)
		s.freezeHTTP(inner, res, start, !returned)
		done(s, returned)
	}()
	h.ServeHTTP(res.withCapabilities(), inner)
	returned = true
}

// copyBack gives the request what the handler has set on its copy of it, and
// what others look for afterwards: http.ServeMux sets the pattern, and net/http
// removes the files of a multipart form.
func copyBack(req, inner *http.Request) {
	if req.Pattern != inner.Pattern {
		req.Pattern = inner.Pattern
	}
	if req.MultipartForm == nil && inner.MultipartForm != nil {
		req.MultipartForm = inner.MultipartForm
	}
}

// freezeHTTP keeps what RequestFrom returns. Only requests with callbacks pay for
// copies.
func (s *scope) freezeHTTP(req *http.Request, res *response, start time.Time, panicked bool) {
	s.request = Request{
		Method:     req.Method,
		Pattern:    req.Pattern,
		URL:        req.URL,
		Proto:      req.Proto,
		Host:       req.Host,
		RemoteAddr: req.RemoteAddr,
		Header:     req.Header,
		Status:     int(res.status.Load()),
		Bytes:      res.bytes.Load(),
		Start:      start,
		Duration:   time.Since(start),
		Aborted:    errors.Is(req.Context().Err(), context.Canceled),
		Panicked:   panicked,
	}
	if s.request.Status == 0 && !panicked && !res.hijacked.Load() {
		s.request.Status = http.StatusOK // net/http writes it for the handler
	}
	if s.state.Load() == scopeUsed {
		s.request.Header = req.Header.Clone()
		if req.URL != nil {
			url := *req.URL
			s.request.URL = &url
		}
	}
	s.freeze()
}
