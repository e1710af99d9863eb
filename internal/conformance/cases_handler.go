package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"

	"github.com/afterglow-go/afterglow/runner"
)

// handlerCases are about what an http.Handler may do with its request and its
// response.
var handlerCases = []kase{
	{"HEAD, 204, 304, redirect and other bodiless responses", []Capability{Handlers}, bodiless},
	{"informational response", []Capability{Handlers, Hints}, hints},
	{"http.ErrAbortHandler before and after a flush", []Capability{Handlers, Panicking}, aborts},
	{"request readable, body and ResponseWriter not", []Capability{Handlers}, frozen},
}

func bodiless(e *env) {
	r := e.runner(runner.Config{})
	statuses := map[string]int{"/204": 204, "/304": 304, "/redirect": 303, "/empty": 200, "/201": 201}
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/redirect":
			http.Redirect(w, req, "/else", http.StatusSeeOther)
		case "/empty":
		default:
			w.WriteHeader(statuses[req.URL.Path])
		}
	})))
	for range 3 {
		for path, status := range statuses {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got, err := e.do(client, method, e.url(client, path), nil)
				if err != nil {
					e.Fatal(err)
				}
				if kept := e.promise().request.Status; got.status != status || kept != status {
					e.Errorf("%s %s: the status is %d, the frozen one %d", method, path, got.status, kept)
				}
			}
		}
	}
}

func hints(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	})))
	for range 3 {
		informational := make(chan int, 1)
		ctx := httptrace.WithClientTrace(e.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(status int, _ textproto.MIMEHeader) error { informational <- status; return nil },
		})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url(client, "/"), http.NoBody)
		if err != nil {
			e.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			e.Fatal(err)
		}
		_ = res.Body.Close()
		if got := receive(e, informational); got != http.StatusEarlyHints {
			e.Errorf("the informational status is %d", got)
		}
		if kept := e.promise().request.Status; res.StatusCode != http.StatusAccepted || kept != http.StatusAccepted {
			e.Errorf("the status is %d, the frozen one %d", res.StatusCode, kept)
		}
	}
}

func aborts(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/flushed" {
			_, _ = io.WriteString(w, "half")
			if err := http.NewResponseController(w).Flush(); err != nil {
				e.Error(err)
			}
		}
		panic(http.ErrAbortHandler)
	})))
	for range 3 {
		for _, path := range []string{"/", "/flushed"} {
			if _, err := e.do(client, http.MethodPut, e.url(client, path), nil); err == nil {
				e.Error("the client sees no failure")
			}
			if !e.promise().request.Panicked {
				e.Error("the frozen request says that its handler has not panicked")
			}
		}
	}
}

func frozen(e *env) {
	r := e.runner(runner.Config{})
	got := make(chan error, 1)
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "frozen", func(ctx context.Context) error {
			var errs []error
			q, ok := runner.RequestFrom(ctx)
			cookie, err := q.Cookie("session")
			if err != nil || cookie.Value != "s1" || !ok || q.Header.Get("X-Shop") != "7" || q.Method != http.MethodPost || q.Status != http.StatusCreated {
				errs = append(errs, fmt.Errorf("the request cannot be read: %+v", q))
			}
			if n, err := req.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, http.ErrBodyReadAfterClose) {
				errs = append(errs, fmt.Errorf("the body can be read: %d bytes, %v", n, err)) //nolint:errorlint // it may be nil
			}
			if _, err := io.WriteString(w, "late"); !errors.Is(err, runner.ErrResponseDone) {
				errs = append(errs, fmt.Errorf("the response can be written: %w", err))
			}
			if err := http.NewResponseController(w).Flush(); e.server.Without[FlushErrors] == "" && !errors.Is(err, runner.ErrResponseDone) {
				errs = append(errs, fmt.Errorf("the response can be flushed: %w", err))
			}
			w.Header().Set("X-Late", "1")
			w.WriteHeader(http.StatusTeapot)
			got <- errors.Join(errs...)
			return nil
		})
		if err != nil {
			e.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "mine")
	})))
	for range 10 {
		res, err := e.do(client, http.MethodPost, e.url(client, "/"), strings.NewReader("body"), "Cookie", "session=s1", "X-Shop", "7")
		if err != nil {
			e.Fatal(err)
		}
		if res.body != "mine" || res.status != http.StatusCreated || res.header.Get("X-Late") != "" {
			e.Errorf("got %+v", res)
		}
		e.promiseOf(e.meter.read.Load() - e.server.window)
		if err := receive(e, got); err != nil {
			e.Error(err)
		}
	}
}
