package conformance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// patience bounds every wait; a case that is not broken needs a fraction of it.
const patience = 10 * time.Second

// env is what one case has of one server.
type env struct {
	testing.TB
	server Server
	meter  meter
	addr   string

	starts chan start // of the callbacks that watched handlers have asked for
	total  int        // starts that were held to the promise
	early  int
	note   string // what else was shown
}

// start is what a callback has found as it started.
type start struct {
	written  int64 // by the server so far
	returned bool  // its handler
	alive    bool  // its context
	request  runner.Request
}

func (e *env) shown() string {
	s := "ok"
	switch {
	case e.total == 0:
	case e.server.Exact:
		s = fmt.Sprintf("exact %d/%d", e.total-e.early, e.total)
	default:
		s = fmt.Sprintf("returned %d/%d, early %d", e.total, e.total, e.early)
	}
	if e.note != "" {
		s += ", " + e.note
	}
	return s
}

// runner returns one that is shut down when the case has ended.
func (e *env) runner(cfg runner.Config) *runner.Runner {
	e.Helper()
	r, err := runner.New(cfg)
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if report, err := r.Shutdown(ctx); err != nil {
			e.Errorf("the runner did not drain: %v: %+v", err, report)
		}
		e.balanced(r)
	})
	return r
}

// balanced holds the books to the first invariant.
func (e *env) balanced(r *runner.Runner) {
	e.Helper()
	s := r.Stats()
	if s.Asked != s.Outcomes.Total()+uint64(s.Reserved+s.Queued+s.Paused+s.Running) {
		e.Errorf("the books do not balance: %+v", s)
	}
}

func (e *env) listen() net.Listener {
	e.Helper()
	ln, err := new(net.ListenConfig).Listen(e.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	e.addr = ln.Addr().String()
	e.starts = make(chan start, 100)
	return listener{ln, &e.meter}
}

// serve serves h under the runners.
func (e *env) serve(h Handler, runners ...*runner.Runner) Client {
	e.Helper()
	ln := e.listen()
	if e.server.Serve != nil {
		return e.server.Serve(e.TB, ln, e.meter.dial, h, runners...)
	}
	client := e.server.HTTP(e.TB, ln, e.meter.dial, e.mount(asHTTP(h), runners...))
	return asClient(client, ln.Addr().String())
}

// under returns h under the Middleware of r, as the server mounts them.
func (e *env) under(r *runner.Runner, h http.Handler) http.Handler { return e.mount(h, r) }

// mount is under for several runners, the first of them outermost.
func (e *env) mount(h http.Handler, runners ...*runner.Runner) http.Handler {
	middleware := make([]func(http.Handler) http.Handler, len(runners))
	for i, r := range runners {
		middleware[i] = r.Middleware
	}
	if e.server.Mount == nil {
		return wrap(h, middleware...)
	}
	return e.server.Mount(h, middleware...)
}

// serveHTTP serves h, which has the Middleware of runners in it: see under.
func (e *env) serveHTTP(h http.Handler) *http.Client {
	e.Helper()
	return e.server.HTTP(e.TB, e.listen(), e.meter.dial, h)
}

// url is a path of the server that serveHTTP has started.
func (e *env) url(client *http.Client, path string) string {
	scheme := "http"
	if t, ok := client.Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
		scheme = "https"
	}
	return scheme + "://" + e.addr + path
}

// watch is h with a callback asked for before it.
func (e *env) watch(h Handler) Handler {
	return func(c Call) error {
		defer e.ask(c.Context)()
		return h(c)
	}
}

// watchHTTP is watch for an http.Handler.
func (e *env) watchHTTP(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer e.ask(req.Context())()
		h(w, req)
	})
}

// ask asks for a callback that notes how it has started. The handler calls what
// it returns at its very end.
func (e *env) ask(ctx context.Context) (returned func()) {
	return e.askOf(ctx, runner.After)
}

type after func(ctx context.Context, name string, fn func(context.Context) error, opts ...runner.Option) error

func (e *env) askOf(ctx context.Context, how after) (returned func()) {
	var over atomic.Bool
	err := how(ctx, "conformance.watch", func(ctx context.Context) error {
		// What a client has read was with the kernel, also if the write has not returned yet: a
		// client that resets its stream then makes the callback due.
		s := start{written: max(e.meter.written.Load(), e.meter.read.Load()), returned: over.Load(), alive: ctx.Err() == nil}
		s.request, _ = runner.RequestFrom(ctx)
		e.starts <- s
		return nil
	})
	if err != nil {
		e.Errorf("a callback was rejected: %v", err)
	}
	return func() { over.Store(true) }
}

// promise waits for the next start and holds it to the server's promise. The
// client has read its whole response, or has left.
func (e *env) promise() start {
	e.Helper()
	return e.promiseOf(e.meter.read.Load())
}

// promiseOf is promise for a response that ends with the given byte of all that
// the server sends.
func (e *env) promiseOf(end int64) start {
	e.Helper()
	s := receive(e, e.starts)
	e.total++
	if !s.returned {
		e.Errorf("a callback started before its handler had returned")
	}
	if !s.alive {
		e.Errorf("a callback started with a context that had ended")
	}
	if s.written < end {
		e.early++
		if e.server.Exact {
			e.Errorf("a callback started when %d of %d bytes were with the kernel", s.written, end)
		}
	}
	return s
}

// promiseLeft is promise for a response that its client has left. On a connection of many
// streams it has no last byte, and what the client reads there is of no response.
func (e *env) promiseLeft() start {
	e.Helper()
	if e.server.window > 0 {
		return e.promiseOf(0)
	}
	return e.promise()
}

// none makes sure that no callback has started.
func (e *env) none(when string) {
	e.Helper()
	select {
	case <-e.starts:
		e.Errorf("a callback started %s", when)
	default:
	}
}

// receive waits for a value.
func receive[T any](e *env, c <-chan T) T {
	e.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case v := <-c:
		return v
	case <-late.C:
		e.Fatal("nothing came")
	}
	panic("unreachable")
}

// eventually waits for a state that nothing announces.
func (e *env) eventually(what string, is func() bool) {
	e.Helper()
	tick, late := time.NewTicker(time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer late.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late.C:
			e.Fatalf("it never came to be that %s", what)
		}
	}
}
