package runner

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Request is the request a callback runs after, frozen as its handler
// returned. It is shared by the callbacks of one request, so treat it as
// read-only. It holds no body and no ResponseWriter. If no callback had been
// asked for by then, Header and URL are the handler's own.
type Request struct {
	Method     string
	Pattern    string // the route that matched, as http.ServeMux sets it; may be empty
	URL        *url.URL
	Proto      string // "HTTP/1.1"
	Host       string
	RemoteAddr string
	Header     http.Header

	Status   int           // of the response, 200 if the handler wrote none; 0 if it panicked first, or hijacked
	Bytes    int64         // of the response's body, as the handler wrote it
	Start    time.Time     // the Middleware was entered
	Duration time.Duration // until the handler returned
	Aborted  bool          // its context was canceled before the handler had returned: the client left, as a rule
	Panicked bool          // the handler panicked, http.ErrAbortHandler included, or called runtime.Goexit
}

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
	s := scopeFrom(ctx)
	if s == nil {
		return Request{}, false
	}
	return s.frozenRequest()
}
