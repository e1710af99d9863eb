package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// wrapperCases are about handlers of the standard library that stand around the
// Middleware, or within it.
var wrapperCases = []kase{
	{"http.TimeoutHandler around, handler in time", []Capability{Handlers}, func(e *env) { inTime(e, true) }},
	{"http.TimeoutHandler around, handler outlives it", []Capability{Handlers}, timeoutAround},
	{"http.TimeoutHandler within, handler in time", []Capability{Handlers}, func(e *env) { inTime(e, false) }},
	{"http.TimeoutHandler within, handler outlives it", []Capability{Handlers}, timeoutWithin},
	{"http.MaxBytesHandler", []Capability{Handlers}, maxBytes},
	{"in front of a httputil.ReverseProxy", []Capability{Handlers}, aroundProxy},
	{"behind a httputil.ReverseProxy", []Capability{Handlers}, behindProxy},
}

func inTime(e *env, around bool) {
	r := e.runner(runner.Config{})
	var h http.Handler
	hello := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }
	if around {
		h = http.TimeoutHandler(e.under(r, e.watchHTTP(hello)), patience, "too slow")
	} else {
		h = e.under(r, http.TimeoutHandler(e.watchHTTP(hello), patience, "too slow"))
	}
	client := e.serveHTTP(h)
	for range 20 {
		if got := e.get(client, "/", 200); got != "hello" {
			e.Errorf("got %q", got)
		}
		e.promise()
	}
}

// Nothing but real time makes http.TimeoutHandler give up.
const soon = 5 * time.Millisecond

func timeoutAround(e *env) {
	r := e.runner(runner.Config{})
	leave := make(chan struct{})
	client := e.serveHTTP(http.TimeoutHandler(e.under(r, e.watchHTTP(func(_ http.ResponseWriter, req *http.Request) {
		<-req.Context().Done()
		<-leave
	})), soon, "too slow"))
	for range 3 {
		if got := e.get(client, "/", 503); got != "too slow" {
			e.Errorf("got %q", got)
		}
		e.none("before its handler had returned")
		leave <- struct{}{}
		e.promise()
	}
}

// The response is done although the handler within is not: its callbacks are
// due, and those that it asks for later are due at once.
func timeoutWithin(e *env) {
	r := e.runner(runner.Config{})
	leave, ran := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		<-leave
		if err := runner.After(req.Context(), "late", func(context.Context) error { ran <- struct{}{}; return nil }); err != nil {
			e.Error(err)
		}
	})
	client := e.serveHTTP(e.under(r, e.watchHTTP(http.TimeoutHandler(slow, soon, "too slow").ServeHTTP)))
	for range 3 {
		if got := e.get(client, "/", 503); got != "too slow" {
			e.Errorf("got %q", got)
		}
		if s := e.promise(); s.request.Status != http.StatusServiceUnavailable {
			e.Errorf("the frozen status is %d", s.request.Status)
		}
		leave <- struct{}{}
		receive(e, ran)
	}
}

func maxBytes(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(http.MaxBytesHandler(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		_, err := io.ReadAll(req.Body)
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	})), 10))
	for _, size := range []int{5, 100, 5} {
		res, err := e.do(client, http.MethodPost, e.url(client, "/"), strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			e.Fatal(err)
		}
		if tooLong := res.status == http.StatusRequestEntityTooLarge; tooLong != (size > 10) {
			e.Errorf("%d bytes: %d", size, res.status)
		}
		e.promise()
	}
}

func aroundProxy(e *env) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "from the ")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "backend")
	}))
	e.Cleanup(backend.Close)
	transport := new(http.Transport)
	e.Cleanup(transport.CloseIdleConnections)
	proxy := proxyTo(e, backend.URL, transport)
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(proxy.ServeHTTP)))
	for range 20 {
		if got := e.get(client, "/", 200); got != "from the backend" {
			e.Errorf("got %q", got)
		}
		e.promise()
	}
}

func behindProxy(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "for "+req.Header.Get("X-Forwarded-For"))
	})))
	front := httptest.NewServer(proxyTo(e, e.url(client, "/"), client.Transport))
	e.Cleanup(front.Close)
	outside := &http.Client{Transport: new(http.Transport)}
	e.Cleanup(outside.CloseIdleConnections)
	for range 20 {
		got, err := e.do(outside, http.MethodGet, front.URL, nil)
		if err != nil || got.body != "for 127.0.0.1" {
			e.Errorf("got %q, %v", got.body, err)
		}
		e.promise()
	}
}

func proxyTo(e *env, target string, transport http.RoundTripper) *httputil.ReverseProxy {
	to, err := url.Parse(target)
	if err != nil {
		e.Fatal(err)
	}
	return &httputil.ReverseProxy{Transport: transport, Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(to)
		p.SetXForwarded()
	}}
}
