package tests

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// An adapter says what the request was when the response has ended.
func TestARequestScopeHandsItsRequestToItsCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		ctx, release := r.RequestScope(t.Context())
		start := time.Now()
		var seen runner.Request
		require.NoError(t, runner.AfterAll(ctx,
			runner.Call{Name: "always", Func: func(ctx context.Context) error { seen, _ = runner.RequestFrom(ctx); return nil }},
			runner.Call{Name: "on.success", Func: nothing, Options: []runner.Option{runner.When(runner.Request.Succeeded)}},
		))
		_, ok := runner.RequestFrom(ctx)
		require.False(t, ok, "the response is open")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, r.Stats().Reserved)
		release(runner.Request{Method: "PUT", Status: http.StatusConflict, Header: http.Header{"X-Id": {"7"}}})
		release(runner.Request{Method: "GET"}) // does nothing
		drain(t, r)
		require.Equal(t, runner.Request{
			Method: "PUT", Status: http.StatusConflict, Header: http.Header{"X-Id": {"7"}}, Start: start, Duration: 3 * time.Second,
		}, seen)
		require.Equal(t, []runner.Outcome{runner.OutcomeSkipped}, outcomes(rec)["on.success"])
	})
}

func TestARequestScopeKeepsTheTimesThatItIsGiven(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ctx, release := r.RequestScope(t.Context())
	want := runner.Request{Start: time.Unix(7, 0), Duration: time.Hour, Aborted: true, Err: errBroken}
	release(want)
	require.Equal(t, want, frozen(t, ctx))
}

// What a handler knows better than its adapter wins.
func TestARequestScopeKnowsWhatItsHandlerHasSaid(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ctx, release := r.RequestScope(t.Context())
	runner.SetPattern(ctx, "/orders/{id}")
	runner.SetError(ctx, errBroken)
	runner.SetRPC(ctx, "connectrpc", "not_found")
	release(runner.Request{Pattern: "/*", RPC: "grpc", Code: "OK"})
	got := frozen(t, ctx)
	require.Equal(t, "/orders/{id}", got.Pattern)
	require.ErrorIs(t, got.Err, errBroken)
	require.False(t, got.Succeeded())
	require.Equal(t, "connectrpc", got.RPC)
	require.Equal(t, "not_found", got.Code)
}

// A scope by hand within it has the rest of the request, as within one of net/http.
func TestAScopeWithinARequestScope(t *testing.T) {
	r := newRunner(t, runner.Config{})
	outer, release := r.RequestScope(t.Context())
	inner, done := r.Scope(outer)
	done(errBroken)
	release(runner.Request{Pattern: "/of/the/request", RPC: "grpc"})
	got := frozen(t, inner)
	require.Equal(t, "grpc", got.RPC)
	require.Equal(t, "/of/the/request", got.Pattern)
	require.ErrorIs(t, got.Err, errBroken)
}

func TestARequestOfMiddlewareCanBeAnRPC(t *testing.T) {
	r := newRunner(t, runner.Config{})
	var asked context.Context
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		asked = req.Context()
		runner.SetRPC(asked, "connectrpc", "OK")
	}))
	get(t, startServer(t, h).URL)
	got := frozen(t, asked)
	require.Equal(t, http.MethodGet, got.Method)
	require.Equal(t, "connectrpc", got.RPC)
	require.Equal(t, "OK", got.Code)
	runner.SetRPC(t.Context(), "connectrpc", "OK") // no scope: nothing happens
}
