// Package web has the two sides of the question of HTTP: a server with one
// route, and the load on it, which belongs into another process.
package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/runner"
)

// Path is the server's one route.
const Path = "/order"

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
	Plain  = "plain route"
	After  = "**Afterglow**, three callbacks after"
	BareGo = "three bare `go`"
	Inline = "three inline"
)

// Variants lists them. Besides what must be told apart there are two that say
// where the difference comes from: the middleware alone, and bare goroutines,
// whose timers and wake-ups nobody can save.
func Variants() []Variant {
	return []Variant{
		{Plain, func(route http.HandlerFunc, _ *http.Server) (http.Handler, func()) {
			return route, func() {}
		}},
		{"**Afterglow**, no callback", func(route http.HandlerFunc, srv *http.Server) (http.Handler, func()) {
			return serveAfter(route, srv)
		}},
		{After, func(route http.HandlerFunc, srv *http.Server) (http.Handler, func()) {
			return serveAfter(func(w http.ResponseWriter, r *http.Request) {
				for _, name := range [Callbacks]string{"order.email", "order.webhook", "order.log"} {
					if err := runner.After(r.Context(), name, wait); err != nil {
						http.Error(w, err.Error(), http.StatusServiceUnavailable) // the load counts it
						return
					}
				}
				route(w, r)
			}, srv)
		}},
		{BareGo, func(route http.HandlerFunc, _ *http.Server) (http.Handler, func()) {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx := context.WithoutCancel(r.Context())
				for range Callbacks {
					go func() { _ = wait(ctx) }()
				}
				route(w, r)
			}), func() {}
		}},
		{Inline, func(route http.HandlerFunc, _ *http.Server) (http.Handler, func()) {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for range Callbacks {
					_ = wait(r.Context())
				}
				route(w, r)
			}), func() {}
		}},
	}
}

// serveAfter is the route behind a runner with full metrics. Its workers are as
// many as callbacks can wait at once at the rates of this machine: each is a
// goroutine, and goroutines that wait are what bare `go` has as well.
func serveAfter(route http.HandlerFunc, srv *http.Server) (http.Handler, func()) {
	r := pool.NewObserved(runner.Config{Workers: 16_384, Queue: 65_536}, pool.NoopTracer)
	r.Bind(srv)
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
