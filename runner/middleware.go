package runner

import (
	"context"
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
// The ResponseWriter works until the server's own handler has returned, so that
// middleware outside may still write its errors, as echo does. No callback starts
// before. Then the writer is dead: its methods do nothing, and return [ErrResponseDone]
// if they return an error. The request's body cannot be read any more. Without [Bind],
// the end of the request's context is taken for that moment: a middleware outside that
// ends the context when it returns, as one with a timeout does, then comes too late with
// its errors. The files of a multipart form are gone when
// the response is done, as without Middleware. A callback must use none of them.
//
// What the handler sets on its request, as path values and forms, middleware outside
// finds on its own, as without Middleware. A handler that hijacks its connection has
// no response: its callbacks are due from then on.
//
// A request that asks for no callback takes no lock of the runner.
func (r *Runner) Middleware(next http.Handler) http.Handler {
	if next == nil {
		panic("runner: Middleware of a nil http.Handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		end := endOf(req)
		r.serve(next, w, req, end.served, func(res *response, _ bool) { end.report(res) })
	})
}

// serve has h serve the request in a scope of its own. However h ends, done is
// called then. served is the context that ends when the server's handler has
// returned; nil if h is taken for it.
func (r *Runner) serve(h http.Handler, w http.ResponseWriter, req *http.Request, served context.Context, done func(res *response, returned bool)) {
	s := r.openScope(req.Context())
	inner := req.WithContext(s)
	res := &response{inner: w, scope: s, request: inner, served: served, start: time.Now()}
	var b *body
	if inner.Body != nil && inner.Body != http.NoBody {
		b = &body{inner.Body, res}
		inner.Body = b
	}
	returned := false
	defer func() {
		res.handlerDone.Store(true)
		giveBack(req, inner, b)
		if res.described.CompareAndSwap(false, true) {
			res.describe(!returned)
		}
		done(res, returned)
	}()
	h.ServeHTTP(res.withCapabilities(), inner)
	returned = true
}
