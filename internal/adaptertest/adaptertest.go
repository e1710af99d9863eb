// Package adaptertest is what the tests of the adapters for frameworks have in common.
package adaptertest

import (
	"context"
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

// Place serves h, sends it an order, and returns the status of the answer. The request of
// its callback comes from seen.
func Place(t testing.TB, h http.Handler, path string, seen <-chan runner.Request) (status int, req runner.Request) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	runner.Bind(srv.Config)
	srv.Start()
	defer srv.Close()
	out, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, http.NoBody)
	require.NoError(t, err)
	res, err := srv.Client().Do(out)
	require.NoError(t, err)
	_ = res.Body.Close()
	return res.StatusCode, Receive(t, seen)
}
