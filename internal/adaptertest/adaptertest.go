// Package adaptertest is what the tests of the adapters for frameworks have in common.
package adaptertest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// Patience bounds every wait.
const Patience = 30 * time.Second

// NewRunner returns a runner that is drained at the end of the test.
func NewRunner(t testing.TB, cfg runner.Config) *runner.Runner {
	t.Helper()
	after, err := runner.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { Drain(t, after) })
	return after
}

// Drain returns when every callback has ended.
func Drain(t testing.TB, after *runner.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	report, err := after.Shutdown(ctx)
	require.NoError(t, err, report)
}

// Receive returns what comes next.
func Receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(Patience):
		require.Fail(t, "nothing came")
	}
	return v
}

// Seen returns a callback that hands on the request it runs after.
func Seen(to chan<- runner.Request) func(context.Context) error {
	return func(ctx context.Context) error {
		req, _ := runner.RequestFrom(ctx)
		to <- req
		return nil
	}
}

// Place sends an order to h, bound and then by Serve, and returns the status of the answer
// and the request that its callback ran after, which are the same both times. It ends the
// runner.
func Place(t testing.TB, after *runner.Runner, h http.Handler, path string, seen <-chan runner.Request) (status int, req runner.Request) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	runner.Bind(srv.Config)
	srv.Start()
	defer srv.Close()
	status, req = post(t, srv.URL+path), Receive(t, seen)

	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() {
		_, err := after.Serve(ctx, &http.Server{Handler: h}, ln, runner.Budgets{})
		ended <- err
	}()
	require.Equal(t, status, post(t, "http://"+ln.Addr().String()+path))
	served := Receive(t, seen)
	end()
	require.NoError(t, <-ended)
	require.Equal(t, []any{req.Pattern, req.Status, req.Panicked}, []any{served.Pattern, served.Status, served.Panicked})
	return status, req
}

// post sends an order, and returns the status of the answer.
func post(t testing.TB, url string) (status int) {
	t.Helper()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: transport, Timeout: Patience}).Do(out)
	require.NoError(t, err)
	_ = res.Body.Close()
	return res.StatusCode
}
