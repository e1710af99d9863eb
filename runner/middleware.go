package runner

import (
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
// before that. Then the writer is dead: its methods do nothing, and return
// [ErrResponseDone] if they return an error. The request's body cannot be read any more.
// The files of a multipart form are gone when the response is done, as without
// Middleware. A callback must use none of these.
//
// Without [Bind], Middleware takes the end of the request's context for that moment. A
// middleware outside may end the context itself when it returns, as one with a timeout
// does. Errors that are written after that are lost.
//
// Middleware outside finds what the handler has set on its request, such as path values
// and forms, on its own request, as without Middleware. A handler that hijacks its
// connection has no response: its callbacks are due from then on.
//
// A request that asks for no callback takes no lock of the runner.
func (r *Runner) Middleware(next http.Handler) http.Handler {
	if next == nil {
		panic("runner: Middleware of a nil http.Handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		end := endOf(req)
		r.serve(next, w, req, end, func(res *response, _ bool) { end.report(res) })
	})
}

// serve has h serve the request in a scope of its own. However h ends, serve then calls
// done. end reports the end of the response. The zero end reports nothing: h then counts
// as the server's handler.
func (r *Runner) serve(h http.Handler, w http.ResponseWriter, req *http.Request, end responseEnd, done func(res *response, returned bool)) {
	s := r.openScope(req.Context())
	inner := req.WithContext(s)
	res := &response{inner: w, scope: s, request: inner, served: end.served, server: end.server, start: time.Now()}
	var b *body
	if inner.Body != nil && inner.Body != http.NoBody {
		b = &body{inner.Body, res}
		inner.Body = b
	}
	returned := false
	defer func() {
		defer done(res, returned) // also if user code panics that the rest calls
		res.endsWithContext.Store(end.endsWithContext())
		res.handlerDone.Store(true)
		giveBack(req, inner, b)
		if res.describedBy.CompareAndSwap(byNobody, byHandler) {
			res.describe(!returned)
		}
	}()
	h.ServeHTTP(res.withCapabilities(), inner)
	returned = true
}
