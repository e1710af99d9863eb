package recipes_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// A handler: Serve returns when its response and its callbacks are done.
func TestAHandler(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	mailed := false
	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}", &recipes.Orders{Mail: func(context.Context, string) error { mailed = true; return nil }})
	w := rt.Serve(mux, httptest.NewRequest("POST", "/orders/7", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.True(t, mailed)
}

// A function without a request, as an RPC or a command has it.
func TestAFunction(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	require.NoError(t, rt.Run(func(ctx context.Context) error {
		return runner.After(ctx, "order.email", func(context.Context) error { return nil })
	}))
	require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rt.Recorder.Outcomes("order.email"))
}

// Retries and timeouts: in a bubble their time passes at once.
func TestRetriesWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		require.NoError(t, rt.Run(func(ctx context.Context) error {
			return runner.After(ctx, "order.webhook", func(context.Context) error { return errors.New("503") },
				runner.RetryBackoff(3, runner.Exponential(time.Hour, time.Hour)))
		}))
		require.Len(t, rt.Recorder.Named("order.webhook")[0].Started, 3)
	})
}

// A full runner: how does the handler answer?
func TestAFullRunner(t *testing.T) {
	rt := runnertest.New(t, runner.Config{MaxReserved: 1}, runnertest.FailOn())
	ctx, release := rt.Scope(t.Context())
	require.NoError(t, runner.After(ctx, "another.request", func(context.Context) error { return nil }))
	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}", &recipes.Orders{})
	require.Equal(t, http.StatusServiceUnavailable, rt.Serve(mux, httptest.NewRequest("POST", "/orders/7", nil)).Code)
	release(nil)
}
