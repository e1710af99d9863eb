package conformance

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/afterglow-go/afterglow/runner"
)

// connCases are about what goes over one connection besides a request and its
// response.
var connCases = []kase{
	{"hijacked connection", []Capability{Handlers, Hijacking}, hijacked},
	{"100-continue", []Capability{Handlers}, continues},
	{"pipelined requests", []Capability{Handlers, Pipelining}, pipelined},
}

// A hijacked connection may stay open for hours and has no response to wait for: its
// callbacks run meanwhile, those asked for before and those asked for since.
func hijacked(e *env) {
	r := e.runner(runner.Config{Workers: 1})
	ran, leave := make(chan string, 2), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(leave) })
	defer letGo()
	client := e.serveHTTP(e.under(r, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ask := func(name string) {
			if err := runner.After(req.Context(), name, func(context.Context) error { ran <- name; return nil }); err != nil {
				e.Errorf("a callback was rejected: %v", err)
			}
		}
		ask("before")
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			e.Error(err)
			return
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhe")
		ask("since")
		<-leave
		_, errRest := io.WriteString(conn, "llo")
		if err := errors.Join(err, errRest); err != nil {
			e.Error(err)
		}
	})))
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.url(client, "/"), nil)
	if err != nil {
		e.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	for _, want := range []string{"before", "since"} {
		if got := receive(e, ran); got != want {
			e.Errorf("%s has run, not %s", got, want)
		}
	}
	letGo()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "hello" {
		e.Errorf("got %q, %v", body, err)
	}
}

func continues(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/refuse" {
			http.Error(w, "no", http.StatusExpectationFailed)
			return
		}
		_, _ = io.Copy(w, req.Body)
	})))
	for _, path := range []string{"/", "/refuse", "/"} {
		var continued atomic.Bool
		ctx := httptrace.WithClientTrace(e.Context(), &httptrace.ClientTrace{Got100Continue: func() { continued.Store(true) }})
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url(client, path), strings.NewReader("body"))
		if err != nil {
			e.Fatal(err)
		}
		req.Header.Set("Expect", "100-continue")
		res, err := client.Do(req)
		if err != nil {
			e.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if accepted := path == "/"; err != nil || continued.Load() != accepted || accepted && string(body) != "body" {
			e.Errorf("%s: continued: %v, %q, %v", path, continued.Load(), body, err)
		}
		e.promise()
	}
}

func pipelined(e *env) {
	const n = 20
	r := e.runner(runner.Config{Workers: 1})
	e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
	})))
	conn, err := e.meter.dial(e.Context(), "tcp", e.addr)
	if err != nil {
		e.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: shop\r\n\r\n", n)); err != nil {
		e.Fatal(err)
	}
	br := bufio.NewReader(conn)
	for range n {
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			e.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			e.Fatal(err)
		}
		e.promiseOf(e.meter.read.Load() - int64(br.Buffered()))
	}
}
