package runner

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Request is the request a callback runs after, frozen when its response was done. The
// callbacks of one request share it, so treat it as read-only. It holds no body and no
// ResponseWriter. If no callback had been asked for when the handler returned, Header and
// URL are the handler's own.
//
// Of a scope that was opened by hand it has Pattern (see [SetPattern]), Start,
// Duration, Aborted and Err, and the other fields of the HTTP request around it, if
// there is one. Of an RPC it has RPC and Code, Pattern is the full name of the method,
// and Header is the metadata.
type Request struct {
	Method     string
	Pattern    string // the route that matched, as http.ServeMux or SetPattern sets it; may be empty
	URL        *url.URL
	Proto      string // "HTTP/1.1"
	Host       string
	RemoteAddr string
	Header     http.Header

	Status   int           // of the response, 200 if the handler wrote none; 0 if it panicked first, timed out or hijacked
	Bytes    int64         // of the response's body, as the handler wrote it
	Start    time.Time     // the Middleware was entered, or the scope opened
	Duration time.Duration // until the handler returned, or the scope was released
	Aborted  bool          // its context was canceled before that: the client left, as a rule. See NotAborted
	TimedOut bool          // the handler took too long, and the client got another answer or none. See Succeeded
	Panicked bool          // the handler panicked, http.ErrAbortHandler included, or called runtime.Goexit
	Err      error         // what a scope that was opened by hand was released with, or what SetError was told

	RPC  string // the system of an RPC, as OpenTelemetry's rpc.system.name has it: "grpc", "connectrpc"; empty: it is none
	Code string // the status code of an RPC, as its system spells it: "OK", "NOT_FOUND"
}

// Succeeded reports whether the request did what it should: its status is below
// 400, its handler did not panic, it did not time out, and Err is nil. It is a gate
// for [When]: When(runner.Request.Succeeded).
//
// The request has timed out if http.TimeoutHandler has answered in place of the
// handler (Status is 503 then); if the deadline of the request's context had passed
// before the handler returned, unless the handler writes straight to net/http; and if
// the handler took longer than the server's WriteTimeout, unless [Bind] has seen that
// the whole response was sent.
func (r Request) Succeeded() bool {
	return r.Status < 400 && !r.Panicked && !r.TimedOut && r.Err == nil
}

// NotAborted reports whether the client stayed until the handler had returned, or
// [Bind] has seen that the whole response was sent: a client that has closed only its
// own half of the connection still reads. So with Bind, a client that leaves after the
// kernel has taken the whole response has stayed. It is a gate for [When]:
// When(runner.Request.NotAborted).
func (r Request) NotAborted() bool { return !r.Aborted }

// Cookie returns the named cookie, or [http.ErrNoCookie].
func (r Request) Cookie(name string) (*http.Cookie, error) {
	return (&http.Request{Header: r.Header}).Cookie(name)
}

// UserAgent returns the User-Agent header.
func (r Request) UserAgent() string { return r.Header.Get("User-Agent") }

// RequestFrom returns the request that the callback with this context runs
// after. ok is false in a callback that belongs to no request, and as long as
// the handler has not returned: a callback of [Runner.Go] that was given a
// request's context may see it become true.
func RequestFrom(ctx context.Context) (req Request, ok bool) {
	return originOf(ctx).scope.requestOf()
}

// SetPattern says which route the request of ctx has matched, for
// [Request].Pattern and the spans of its callbacks, where http.ServeMux does not
// set it: with another router, or an RPC. Call it before the handler returns, or
// the scope is released. Without a scope it does nothing.
func SetPattern(ctx context.Context, pattern string) {
	for s := originOf(ctx).scope; s != nil; s = s.outer {
		s.pattern.Store(&pattern)
	}
}

// SetError says that the request of ctx has failed, for [Request].Err and [When], where
// its status does not show that: a stream of connect or gRPC-Web answers 200 and reports
// its error in the body. Call it before the handler returns, or the scope is released.
// The last call counts, and nil takes the error back. The error that a scope is released
// with wins. Without a scope it does nothing. It is safe for concurrent use.
func SetError(ctx context.Context, err error) {
	for s := originOf(ctx).scope; s != nil; s = s.outer {
		s.failure.Store(&err)
	}
}

// SetRPC says that the request of ctx is an RPC of that system, such as "connectrpc", and how
// it has ended, such as "OK", for [Request].RPC and Code and the spans of its callbacks. They
// then have rpc.* in place of http.*. The name of the method is for [SetPattern], and a failure
// for [SetError]. Call it before the handler returns, or the scope is released. Without a scope
// it does nothing.
func SetRPC(ctx context.Context, system, code string) {
	for s := originOf(ctx).scope; s != nil; s = s.outer {
		s.call.Store(&rpc{system, code})
	}
}

// rpc is what SetRPC was told.
type rpc struct{ system, code string }

// requestOf returns the request of the scope, or of the nearest one around it that
// has one.
func (s *scope) requestOf() (req Request, ok bool) {
	var byHand *scope
	for ; s != nil; s = s.outer {
		s.concludeLate()
		switch {
		case !s.frozen.Load():
		case !s.byHand && byHand == nil:
			return s.request, true
		case !s.byHand:
			req = s.request
			own := &byHand.request
			req.Start, req.Duration, req.Aborted, req.Err = own.Start, own.Duration, own.Aborted, own.Err
			if own.Pattern != "" {
				req.Pattern = own.Pattern
			}
			return req, true
		case byHand == nil:
			byHand = s
		}
	}
	if byHand != nil {
		return byHand.request, true
	}
	return Request{}, false
}
