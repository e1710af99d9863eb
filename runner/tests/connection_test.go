package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// After a Bind that comes late, old connections keep the weaker promise, new
// ones get the exact one, and every callback runs.
func TestALateBindLosesNoCallback(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := make(chan string, 1)
	idle := make(chan struct{}, 10)
	srv := &http.Server{
		Handler: r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			_ = runner.After(req.Context(), "it", func(context.Context) error { ran <- req.URL.Path; return nil })
		})),
		ConnState: tellIdle(idle),
	}
	ln := newPipeListener()
	serveOn(t, srv, ln)
	ask := func(conn net.Conn, br *bufio.Reader, path string) {
		go func() { _, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: shop\r\n\r\n") }()
		res, err := http.ReadResponse(br, nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, path, <-ran)
		<-idle
	}
	old, oldReader := ln.dial()
	ask(old, oldReader, "/before")
	runner.Bind(srv)
	ask(old, oldReader, "/old")
	young, youngReader := ln.dial()
	ask(young, youngReader, "/new")
	require.NoError(t, old.Close())
	require.NoError(t, young.Close())
}

// A handler on an HTTP/2 connection serves a request that it has made up, and
// that looks like HTTP/1.1: nothing will tell when its response is done.
func TestARequestMadeUpByAnHTTP2HandlerWaitsForNoConnection(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := make(chan struct{})
	api := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil })
	}))
	leave := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/batch", func(_ http.ResponseWriter, req *http.Request) {
		sub, err := http.NewRequestWithContext(req.Context(), http.MethodGet, "/x", nil)
		if err != nil {
			t.Error(err)
		}
		api.ServeHTTP(httptest.NewRecorder(), sub)
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-leave
	})
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	runner.Bind(srv.Config)
	srv.StartTLS()
	defer srv.Close()
	ask := func(path string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
		require.NoError(t, err)
		res, err := srv.Client().Do(req)
		require.NoError(t, err)
		require.Equal(t, 2, res.ProtoMajor)
		return res
	}
	events := ask("/events") // the connection is never idle
	require.NoError(t, ask("/batch").Body.Close())
	<-ran
	close(leave)
	require.NoError(t, events.Body.Close())
}

// A handler that serves several requests with one response: their callbacks wait
// for it together, and become due in the order in which they would without.
func TestScopesThatWaitOnOneConnectionAreReleasedInOrder(t *testing.T) {
	const parts = 10
	r, outer := newRunner(t, runner.Config{Workers: 1}), newRunner(t, runner.Config{Name: "outer"})
	order := make(chan string, parts)
	part := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		name := req.URL.Path
		if err := r.After(req.Context(), "it", func(context.Context) error { order <- name; return nil }); err != nil {
			t.Error(err)
		}
	}))
	reserved := 0
	batch := outer.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		for i := range parts {
			sub, err := http.NewRequestWithContext(req.Context(), http.MethodGet, fmt.Sprint("/", i), nil)
			if err != nil {
				t.Error(err)
			}
			part.ServeHTTP(httptest.NewRecorder(), sub)
		}
		reserved = r.Stats().Reserved
	}))
	get(t, startServer(t, batch, runner.Bind).URL)
	for i := range parts {
		require.Equal(t, fmt.Sprint("/", i), <-order)
	}
	require.Equal(t, parts, reserved, "they wait for the response of the whole")
}

// Runners in one chain wait for the same response.
func TestOneBindServesEveryRunner(t *testing.T) {
	names := []string{"a", "b", "c"}
	seen := make(chan bool, len(names))
	conns := func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	for _, name := range names {
		r, next := newRunner(t, runner.Config{Name: name}), h
		h = r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			conn := req.Context().Value(connKey{}).(*countingConn)
			err := r.After(req.Context(), "it", func(context.Context) error { seen <- conn.written.Load() > 0; return nil })
			if err != nil {
				t.Error(err)
			}
			next.ServeHTTP(w, req)
		}))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: h, ConnContext: conns}
	runner.Bind(srv)
	serveOn(t, srv, countingListener{ln})
	get(t, "http://"+ln.Addr().String())
	for range names {
		require.True(t, <-seen, "a callback has started before its response")
	}
}
