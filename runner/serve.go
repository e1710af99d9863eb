package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Budgets is how long each part of a clean end may take in [Runner.Serve]. The
// platform that ends the process must wait for the sum: set terminationGracePeriodSeconds
// of Kubernetes to some seconds more.
type Budgets struct {
	// NotReady is how long the server goes on serving once it is no longer ready,
	// so that load balancers stop sending requests before it stops taking them.
	// 0: no time.
	NotReady time.Duration

	// Server is how long open requests may take to finish.
	// 0 or negative: 10 s.
	Server time.Duration

	// Callbacks is how long callbacks may take to finish after that.
	// 0 or negative: 10 s.
	Callbacks time.Duration
}

// ErrRequestsCutOff is in the error of [Runner.Serve] if requests were still open at the
// end of Budgets.Server. Serve has closed their connections.
var ErrRequestsCutOff = errors.New("runner: requests were still open after Budgets.Server and were cut off: raise it, or have them heed their context")

const defaultBudget = 10 * time.Second

// Serve serves HTTP on l, with callbacks, and ends cleanly when ctx ends. It wraps
// srv.Handler in [Runner.Middleware], calls [Bind], and serves until then. What
// follows has a time of its own each, as budgets say: [Runner.Ready] reports false;
// the server finishes the requests that are open; the runner finishes its
// callbacks. Serve closes l.
//
// It returns what the drain reports. The error is nil if the end was clean. Otherwise
// it joins what went wrong: the server could not serve, requests did not finish in
// time ([ErrRequestsCutOff]), or callbacks did not (Report.Lost names them). While Serve
// runs, call no method of srv except RegisterOnShutdown.
func (r *Runner) Serve(ctx context.Context, srv *http.Server, l net.Listener, budgets Budgets) (Report, error) {
	if srv == nil {
		panic("runner: Serve of a nil http.Server")
	}
	handler := srv.Handler
	if handler == nil {
		handler = http.DefaultServeMux
	}
	srv.Handler = r.Middleware(handler)
	Bind(srv)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()

	var err error
	select {
	case err = <-served: // it ends by itself only if it fails
	case <-ctx.Done():
		r.notReady.Store(true)
		err = r.endServer(srv, served, budgets)
	}
	r.notReady.Store(true)
	limited, cancel := withBudget(budgets.Callbacks)
	defer cancel()
	report, drainErr := r.Shutdown(limited)
	return report, errors.Join(err, drainErr)
}

func (r *Runner) endServer(srv *http.Server, served <-chan error, budgets Budgets) error {
	timer := time.NewTimer(budgets.NotReady)
	defer timer.Stop()
	select {
	case err := <-served:
		return err
	case <-timer.C:
	}
	limited, cancel := withBudget(budgets.Server)
	defer cancel()
	err := srv.Shutdown(limited)
	if err != nil && limited.Err() != nil {
		err = errors.Join(fmt.Errorf("%w: %w", ErrRequestsCutOff, err), srv.Close())
	}
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

func withBudget(d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		d = defaultBudget
	}
	return context.WithTimeout(context.Background(), d)
}

// Ready reports whether the process should get requests: until ctx of
// [Runner.Serve] ends, or Shutdown is called. A readiness probe answers 503 when
// it reports false.
func (r *Runner) Ready() bool {
	if r.notReady.Load() {
		return false
	}
	select {
	case <-r.draining:
		return false
	default:
		return true
	}
}
