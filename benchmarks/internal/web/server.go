// Package web has the two sides of the question of HTTP: a server with one
// route, and the load on it, which belongs into another process.
package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/runner"
)

// Path is the route that is measured. The answer to MallocsPath is how many
// allocations the process has made so far.
const (
	Path        = "/order"
	MallocsPath = "/mallocs"
)

// Routes is what the route does before it answers: nothing, so that the server
// has all the processors it can get to answer more; and a wait as for a database.
var Routes = []time.Duration{0, 5 * time.Millisecond}

// Callbacks is how many there are after a response, and Takes how long each of
// them waits for something.
const (
	Callbacks = 3
	Takes     = 50 * time.Millisecond
)

// Variant is what the route does beside answering.
type Variant struct {
	Name string
	wrap func(route http.HandlerFunc, srv *http.Server) (http.Handler, func())
}

// Names that tables and targets refer to.
const (
	Plain      = "plain route"
	Middleware = "**Afterglow**, no callback"
	After      = "**Afterglow**, three callbacks after"
	ByHand     = "three goroutines by hand"
	BareGo     = "three bare `go`"
	NextJS     = "Next.js 16, three `after()`" // a server of its own, no Variant
)

// names are those of the callbacks.
var names = [Callbacks]string{"order.email", "order.webhook", "order.log"}

// workers is how many callbacks may run at once: as many as can wait at the rates
// of this machine. Each is a goroutine, and bare `go` has as many of them.
const workers = 16_384

// Variants lists them. Two of them say where a difference comes from: the
// middleware alone; and bare goroutines, which have no deadline, recovery, bound
// or metrics.
func Variants() []Variant {
	return []Variant{
		{Plain, func(route http.HandlerFunc, _ *http.Server) (http.Handler, func()) {
			return route, func() {}
		}},
		{Middleware, func(route http.HandlerFunc, srv *http.Server) (http.Handler, func()) {
			return serveAfter(route, srv)
		}},
		{After, func(route http.HandlerFunc, srv *http.Server) (http.Handler, func()) {
			return serveAfter(func(w http.ResponseWriter, r *http.Request) {
				for _, name := range names {
					if err := runner.After(r.Context(), name, wait); err != nil {
						http.Error(w, err.Error(), http.StatusServiceUnavailable) // the load counts it
						return
					}
				}
				route(w, r)
			}, srv)
		}},
		{ByHand, func(route http.HandlerFunc, _ *http.Server) (http.Handler, func()) {
			h := newByHand()
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for i := range names {
					h.start(r.Context(), i, wait)
				}
				route(w, r)
			}), func() {}
		}},
		{BareGo, func(route http.HandlerFunc, _ *http.Server) (http.Handler, func()) {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx := context.WithoutCancel(r.Context())
				for range names {
					go func() { _ = wait(ctx) }()
				}
				route(w, r)
			}), func() {}
		}},
	}
}

// serveAfter is the route behind a runner with full metrics.
func serveAfter(route http.HandlerFunc, srv *http.Server) (http.Handler, func()) {
	r := pool.NewObserved(runner.Config{Workers: workers, Queue: 4 * workers}, pool.NoopTracer)
	runner.Bind(srv)
	return r.Middleware(route), r.Close
}

// wait is a callback that heeds its context.
func wait(ctx context.Context) error {
	timer := time.NewTimer(Takes)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answerAfter is the route that all variants share.
func answerAfter(d time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if d > 0 {
			time.Sleep(d)
		}
		answer(w)
	}
}

func answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"status":"Order placed successfully"}`+"\n") //nolint:errcheck // the load sees it
}

func mallocs(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	io.WriteString(w, strconv.FormatUint(m.Mallocs, 10)) //nolint:errcheck // the load sees it
}

// Server is one that runs.
type Server struct {
	Addr  string
	srv   *http.Server
	close func()
}

// Serve starts a server on a free port of the loopback interface.
func Serve(v Variant, routeTakes time.Duration) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute}
	mux := http.NewServeMux()
	handler, closer := v.wrap(answerAfter(routeTakes), srv)
	mux.Handle("POST "+Path, handler)
	mux.HandleFunc("GET "+MallocsPath, mallocs)
	srv.Handler = mux
	go srv.Serve(listener) //nolint:errcheck // Close ends it, which is its error
	return &Server{listener.Addr().String(), srv, closer}, nil
}

// Close ends the server and what runs after its responses.
func (s *Server) Close() error {
	err := s.srv.Shutdown(context.Background())
	s.close()
	return err
}
