package fasthttpafter

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/afterglow-go/afterglow/runner"
)

// Open opens a scope of after within base, for the request of c. [Handler] and adapters of
// frameworks are made of it. The adapter calls leave when the handler has returned or panicked, with
// c as fasthttp has given it. What follows is fasthttp's: the scope is released when it closes the
// user values of c, and the request is described then, as error handlers have answered by then.
func Open(base context.Context, c *fasthttp.RequestCtx, after *runner.Runner) (scope context.Context, leave func(panicked bool)) {
	r := &request{c: c, outer: requestOf(c), start: time.Now()}
	r.scope, r.release = after.RequestScope(base)
	c.SetUserValue(requestKey{}, r)
	return r.scope, r.leave
}

// request is the user value that fasthttp closes when the response has been flushed.
type request struct {
	c       *fasthttp.RequestCtx
	outer   *request // of a runner around this one; nil: none
	scope   context.Context
	release func(runner.Request)
	start   time.Time

	mu       sync.Mutex    // guards what follows
	returned bool          // the handler has
	early    bool          // closed before that
	panicked bool          // it did
	duration time.Duration // of the handler
}

type requestKey struct{}

func requestOf(c *fasthttp.RequestCtx) *request {
	r, _ := c.UserValue(requestKey{}).(*request)
	return r
}

// leave is called when the handler has returned.
func (r *request) leave(panicked bool) {
	r.mu.Lock()
	r.returned, r.panicked, r.duration = true, panicked, time.Since(r.start)
	early := r.early
	r.mu.Unlock()
	switch {
	case r.c.LastTimeoutErrorResponse() != nil: // the handler may use c, and fasthttp does not close its values
		r.release(runner.Request{Start: r.start, Duration: r.duration, TimedOut: true, Panicked: panicked})
	case early || r.c.Hijacked():
		r.release(r.describe())
	}
}

// Close is called by fasthttp, on the goroutine of the connection.
func (r *request) Close() error {
	r.mu.Lock()
	returned := r.returned
	r.early = !returned
	r.mu.Unlock()
	if returned {
		r.release(r.describe())
	}
	if r.outer != nil {
		return r.outer.Close()
	}
	return nil
}

// describe returns a copy of what callbacks read of the request.
func (r *request) describe() runner.Request {
	c := r.c
	req := runner.Request{
		Method:     string(c.Method()),
		URL:        &url.URL{Path: string(c.Path()), RawQuery: string(c.URI().QueryString())},
		Proto:      string(c.Request.Header.Protocol()),
		Host:       string(c.Host()),
		RemoteAddr: c.RemoteAddr().String(),
		Header:     make(http.Header, c.Request.Header.Len()),
		Status:     c.Response.StatusCode(),
		Bytes:      max(0, int64(c.Response.Header.ContentLength())),
		Start:      r.start,
		Duration:   r.duration,
		Panicked:   r.panicked,
	}
	for key, value := range c.Request.Header.All() {
		if k := http.CanonicalHeaderKey(string(key)); k != "Host" { // as net/http's
			req.Header[k] = append(req.Header[k], string(value))
		}
	}
	return req
}
