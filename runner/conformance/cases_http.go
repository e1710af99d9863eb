package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// httpCases are about what an http.Handler may do, and about what of the
// standard library may stand around it.
var httpCases = []kase{
	{"HEAD, 204, 304, redirect and other bodiless responses", []Capability{Handlers}, bodiless},
	{"server-sent events", []Capability{Handlers, Streaming}, events},
	{"hijacked connection", []Capability{Handlers, Hijacking}, hijacked},
	{"10 MB to a slow reader", []Capability{Handlers}, slowReader},
	{"http.ErrAbortHandler before and after a flush", []Capability{Handlers, Panicking}, aborts},
	{"request readable, body and ResponseWriter not", []Capability{Handlers}, frozen},
	{"http.TimeoutHandler around, handler in time", []Capability{Handlers}, func(e *env) { inTime(e, true) }},
	{"http.TimeoutHandler around, handler outlives it", []Capability{Handlers}, timeoutAround},
	{"http.TimeoutHandler within, handler in time", []Capability{Handlers}, func(e *env) { inTime(e, false) }},
	{"http.TimeoutHandler within, handler outlives it", []Capability{Handlers}, timeoutWithin},
	{"http.MaxBytesHandler", []Capability{Handlers}, maxBytes},
	{"in front of a httputil.ReverseProxy", []Capability{Handlers}, aroundProxy},
	{"behind a httputil.ReverseProxy", []Capability{Handlers}, behindProxy},
	{"http.ServeContent with ranges", []Capability{Handlers}, ranges},
	{"sendfile is still used", []Capability{Handlers, Sendfile}, sendfile},
	{"100-continue", []Capability{Handlers}, continues},
	{"pipelined requests", []Capability{Handlers, Pipelining}, pipelined},
}

// answer is a response that has been read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request and reads its response.
func (e *env) do(client *http.Client, method, target string, body io.Reader, header ...string) (answer, error) {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, target, body)
	if err != nil {
		e.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(all)}, err
}

// get is do for a request that must succeed with the given status.
func (e *env) get(client *http.Client, path string, status int, header ...string) string {
	e.Helper()
	got, err := e.do(client, http.MethodGet, e.url(client, path), nil, header...)
	if err != nil {
		e.Fatal(err)
	}
	if got.status != status {
		e.Errorf("the status is %d, not %d", got.status, status)
	}
	return got.body
}

func bodiless(e *env) {
	r := e.runner(runner.Config{})
	statuses := map[string]int{"/204": 204, "/304": 304, "/redirect": 303, "/empty": 200, "/201": 201, "/hints": 202}
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/redirect":
			http.Redirect(w, req, "/else", http.StatusSeeOther)
		case "/empty":
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusAccepted)
		default:
			w.WriteHeader(statuses[req.URL.Path])
		}
	})), r)
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

// Each event is sent once the client has seen the one before.
func events(e *env) {
	r := e.runner(runner.Config{})
	next := make(chan struct{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, err := fmt.Fprintf(w, "data: %d\n\n", i)
			if err := errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
				e.Error(err)
			}
			<-next
		}
	})), r)
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.url(client, "/"), nil)
	if err != nil {
		e.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	body := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := body.ReadString('\n')
		_, blank := body.ReadString('\n')
		if err := errors.Join(err, blank); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			e.Errorf("event %d is %q: %v", i, line, err)
		}
		if s := r.Stats(); s.Reserved != 1 {
			e.Errorf("the callback is due while events are sent: %+v", s)
		}
		next <- struct{}{}
	}
	if _, err := body.ReadByte(); !errors.Is(err, io.EOF) {
		e.Errorf("the stream ends with %v", err)
	}
	e.promise()
}

func hijacked(e *env) {
	r := e.runner(runner.Config{})
	sent, leave := make(chan struct{}), make(chan struct{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			e.Error(err)
			return
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"); err != nil {
			e.Error(err)
		}
		close(sent)
		<-leave
	})), r)
	go func() {
		<-sent
		if s := r.Stats(); s.Reserved != 1 {
			e.Errorf("the callback is due before its handler has returned: %+v", s)
		}
		close(leave)
	}()
	if got := e.get(client, "/", 200); got != "hello" {
		e.Errorf("got %q", got)
	}
	e.promise()
}

// As long as the client has not read more than the rest could be in buffers of,
// its own ones included, the handler cannot have returned.
func slowReader(e *env) {
	const size, sure = 10 << 20, 4 << 20
	r := e.runner(runner.Config{})
	chunk := bytes.Repeat([]byte("x"), 32<<10)
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				e.Error(err)
				return
			}
		}
	})), r)
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.url(client, "/"), nil)
	if err != nil {
		e.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	taken := make([]byte, len(chunk))
	for range sure / len(taken) {
		if _, err := io.ReadFull(res.Body, taken); err != nil {
			e.Fatal(err)
		}
		if s := r.Stats(); s.Reserved != 1 {
			e.Fatalf("the callback is due before the client has read its response: %+v", s)
		}
	}
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size-sure {
		e.Errorf("%d bytes were left: %v", n, err)
	}
	if got := e.promise().request.Bytes; got != size {
		e.Errorf("the frozen request says %d bytes", got)
	}
}

func aborts(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/flushed" {
			_, _ = io.WriteString(w, "half")
			if err := http.NewResponseController(w).Flush(); err != nil {
				e.Error(err)
			}
		}
		panic(http.ErrAbortHandler)
	})), r)
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
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
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
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, runner.ErrResponseDone) {
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
	})), r)
	for range 10 {
		res, err := e.do(client, http.MethodPost, e.url(client, "/"), strings.NewReader("body"), "Cookie", "session=s1", "X-Shop", "7")
		if err != nil {
			e.Fatal(err)
		}
		if res.body != "mine" || res.status != http.StatusCreated || res.header.Get("X-Late") != "" {
			e.Errorf("got %+v", res)
		}
		e.promise()
		if err := receive(e, got); err != nil {
			e.Error(err)
		}
	}
}

func inTime(e *env, around bool) {
	r := e.runner(runner.Config{})
	var h http.Handler
	hello := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }
	if around {
		h = http.TimeoutHandler(r.Middleware(e.watchHTTP(hello)), patience, "too slow")
	} else {
		h = r.Middleware(http.TimeoutHandler(e.watchHTTP(hello), patience, "too slow"))
	}
	client := e.serveHTTP(h, r)
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
	client := e.serveHTTP(http.TimeoutHandler(r.Middleware(e.watchHTTP(func(_ http.ResponseWriter, req *http.Request) {
		<-req.Context().Done()
		<-leave
	})), soon, "too slow"), r)
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
	client := e.serveHTTP(r.Middleware(e.watchHTTP(http.TimeoutHandler(slow, soon, "too slow").ServeHTTP)), r)
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
	client := e.serveHTTP(http.MaxBytesHandler(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		_, err := io.ReadAll(req.Body)
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		}
	})), 10), r)
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
	client := e.serveHTTP(r.Middleware(e.watchHTTP(proxy.ServeHTTP)), r)
	for range 20 {
		if got := e.get(client, "/", 200); got != "from the backend" {
			e.Errorf("got %q", got)
		}
		e.promise()
	}
}

func behindProxy(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "for "+req.Header.Get("X-Forwarded-For"))
	})), r)
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

// file has a million bytes.
func (e *env) file() (path string, content []byte) {
	content = bytes.Repeat([]byte("0123456789"), 100_000)
	path = filepath.Join(e.TempDir(), "file.bin")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		e.Fatal(err)
	}
	return path, content
}

func ranges(e *env) {
	path, content := e.file()
	r := e.runner(runner.Config{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			e.Error(err)
			return
		}
		defer f.Close()
		http.ServeContent(w, req, "file.bin", time.Time{}, f)
	})), r)
	for range 3 {
		if got := e.get(client, "/", 200); got != string(content) {
			e.Errorf("%d bytes have come", len(got))
		}
		e.promise()
		if got := e.get(client, "/", 206, "Range", "bytes=1000-599999"); got != string(content[1000:600_000]) {
			e.Errorf("%d bytes have come", len(got))
		}
		e.promise()
		if got := e.get(client, "/", 206, "Range", "bytes=0-1,999990-"); !strings.Contains(got, "\r\n\r\n01\r\n") {
			e.Errorf("got %q", got)
		}
		e.promise()
		e.get(client, "/", 416, "Range", "bytes=2000000-")
		e.promise()
	}
}

// net/http hands a file to the connection's ReadFrom only if every wrapper of
// the ResponseWriter hands on what it is given.
func sendfile(e *env) {
	path, content := e.file()
	r := e.runner(runner.Config{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		http.ServeFile(w, req, path)
	})), r)
	for i := range 3 {
		if got := e.get(client, "/", 200); got != string(content) {
			e.Errorf("%d bytes have come", len(got))
		}
		e.promise()
		if n := e.meter.readFroms.Load(); n != int64(i+1) {
			e.Errorf("the connection was given %d files, not %d", n, i+1)
		}
	}
}

func continues(e *env) {
	r := e.runner(runner.Config{})
	client := e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/refuse" {
			http.Error(w, "no", http.StatusExpectationFailed)
			return
		}
		_, _ = io.Copy(w, req.Body)
	})), r)
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
	e.serveHTTP(r.Middleware(e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
	})), r)
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
