package tests

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// frozen returns the request that a callback of ctx's innermost scope runs after.
func frozen(t *testing.T, ctx context.Context) runner.Request {
	t.Helper()
	got := make(chan runner.Request, 1)
	require.NoError(t, runner.After(ctx, "frozen", func(ctx context.Context) error {
		req, ok := runner.RequestFrom(ctx)
		if !ok {
			t.Error("no request")
		}
		got <- req
		return nil
	}))
	return <-got
}

func TestAScopeHandsItsErrorToItsCallbacks(t *testing.T) {
	for name, released := range map[string]error{"success": nil, "failure": errBroken} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{})
				ctx, release := r.Scope(t.Context())
				_, ok := runner.RequestFrom(ctx)
				require.False(t, ok, "the scope is open")
				start := time.Now()
				var seen runner.Request
				require.NoError(t, runner.AfterAll(ctx,
					runner.Call{Name: "always", Func: func(ctx context.Context) error { seen, _ = runner.RequestFrom(ctx); return nil }},
					runner.Call{Name: "on.success", Func: nothing, Options: []runner.Option{runner.When(runner.Request.Succeeded)}},
					runner.Call{Name: "on.failure", Func: nothing, Options: []runner.Option{runner.When(func(r runner.Request) bool { return r.Err != nil })}},
				))
				time.Sleep(3 * time.Second)
				release(released)
				release(context.Canceled) // does nothing
				drain(t, r)

				require.Equal(t, runner.Request{Start: start, Duration: 3 * time.Second, Err: released}, seen)
				want := map[string][]runner.Outcome{
					"always":     {runner.OutcomeSuccess},
					"on.success": {runner.OutcomeSuccess},
					"on.failure": {runner.OutcomeSkipped},
				}
				if released != nil {
					want["on.success"], want["on.failure"] = want["on.failure"], want["on.success"]
				}
				require.Equal(t, want, outcomes(rec))
				got, ok := runner.RequestFrom(ctx)
				require.True(t, ok, "the scope is released")
				require.Equal(t, seen, got)
			})
		})
	}
}

func TestAScopeSaysThatItsCallerHasLeft(t *testing.T) {
	r := newRunner(t, runner.Config{})
	call, leave := context.WithCancel(t.Context())
	stayed, releaseStayed := r.Scope(call)
	releaseStayed(nil)
	left, releaseLeft := r.Scope(call)
	leave()
	releaseLeft(nil)
	require.True(t, frozen(t, stayed).NotAborted())
	require.False(t, frozen(t, left).NotAborted())

	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	timedOut, release := r.Scope(late)
	release(nil)
	require.True(t, frozen(t, timedOut).NotAborted(), "a deadline of the server's own is nobody's leaving")
}

// A scope within an HTTP request has what it knows of itself, and the rest of the
// request around it once that is done.
func TestAScopeWithinARequest(t *testing.T) {
	r := newRunner(t, runner.Config{})
	var inner context.Context
	var before runner.Request
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, release := r.Scope(req.Context())
		runner.SetPattern(ctx, "/of/the/scope")
		runner.SetPattern(req.Context(), "/of/the/request")
		release(errBroken)
		inner = ctx
		before = frozen(t, ctx)
		w.WriteHeader(http.StatusAccepted)
		_, ok := runner.RequestFrom(req.Context())
		require.False(t, ok, "the scope around it is open")
	}))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/orders", nil)
	h.ServeHTTP(httptest.NewRecorder(), req)
	require.ErrorIs(t, before.Err, errBroken)
	require.Empty(t, before.Method)

	after := frozen(t, inner)
	require.Equal(t, http.MethodPost, after.Method)
	require.Equal(t, "/orders", after.URL.Path)
	require.Equal(t, "/of/the/scope", after.Pattern)
	require.Equal(t, http.StatusAccepted, after.Status)
	require.ErrorIs(t, after.Err, errBroken)
	require.Equal(t, before.Start, after.Start)
	require.Equal(t, before.Duration, after.Duration)
	require.False(t, after.Succeeded())
}

func TestAScopeWithinAScopeHasItsOwnError(t *testing.T) {
	r := newRunner(t, runner.Config{})
	outer, releaseOuter := r.Scope(t.Context())
	inner, releaseInner := r.Scope(outer)
	releaseOuter(errBroken)
	got, ok := runner.RequestFrom(inner)
	require.True(t, ok, "the scope around it is released")
	require.ErrorIs(t, got.Err, errBroken)
	releaseInner(nil)
	require.NoError(t, frozen(t, inner).Err)
	require.ErrorIs(t, frozen(t, outer).Err, errBroken)
}

// Callbacks of the inner scope do not wait for the outer one, and those of the
// outer one are not released with the inner one.
func TestScopesWithinOneAnotherAreReleasedEachForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		outer, releaseOuter := r.Scope(t.Context())
		inner, releaseInner := r.Scope(outer)
		require.NoError(t, runner.After(outer, "outer", nothing))
		require.NoError(t, runner.After(inner, "inner", nothing))
		releaseInner(nil)
		synctest.Wait()
		require.Equal(t, map[string][]runner.Outcome{"inner": {runner.OutcomeSuccess}}, outcomes(rec))
		releaseOuter(nil)
		synctest.Wait()
		require.Len(t, outcomes(rec), 2)
	})
}

// What a callback asks for belongs to the scope of the callback, or to one that the
// callback opens.
func TestAScopeWithinACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		ctx, release := r.Scope(t.Context())
		release(errBroken)
		var nested, own runner.Request
		require.NoError(t, runner.After(ctx, "it", func(ctx context.Context) error {
			nested = frozen(t, ctx)
			inner, releaseInner := r.Scope(ctx)
			releaseInner(nil)
			own = frozen(t, inner)
			return nil
		}))
		require.NoError(t, runner.Wait(ctx))
		require.ErrorIs(t, nested.Err, errBroken)
		require.NoError(t, own.Err)
	})
}

// Every callback that is accepted runs once, whether the scope is released before,
// after or while it is asked for.
func TestReleaseAndAfterAtTheSameTime(t *testing.T) {
	const rounds, askers = 500, 4
	r := newRunner(t, runner.Config{Queue: rounds * askers * 3})
	var ran atomic.Int64
	count := func(context.Context) error { ran.Add(1); return nil }
	for range rounds {
		ctx, release := r.Scope(t.Context())
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range askers {
			wg.Go(func() {
				<-start
				if err := runner.After(ctx, "plain", count); err != nil {
					t.Error(err)
				}
				var opts []runner.Option
				if i == 0 {
					opts = append(opts, runner.When(runner.Request.Succeeded))
				}
				if err := runner.AfterAll(ctx, runner.Call{Name: "one", Func: count, Options: opts}, runner.Call{Name: "other", Func: count}); err != nil {
					t.Error(err)
				}
			})
		}
		for range 2 {
			wg.Go(func() { <-start; release(nil) })
		}
		wg.Go(func() { <-start; runner.SetPattern(ctx, "pattern"); _, _ = runner.RequestFrom(ctx) })
		close(start)
		wg.Wait()
		require.NoError(t, runner.Wait(ctx))
	}
	require.Equal(t, int64(rounds*askers*3), ran.Load())
	s := r.Stats()
	require.Equal(t, uint64(rounds*askers*3), s.Outcomes[runner.OutcomeSuccess])
	require.Zero(t, s.Pending())
}

// The same for a handler that leaves goroutines behind.
func TestAHandlersEndAndAfterAtTheSameTime(t *testing.T) {
	const requests, askers = 300, 3
	r := newRunner(t, runner.Config{Queue: requests * askers})
	var wg sync.WaitGroup
	var ran atomic.Int64
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		start := make(chan struct{})
		for range askers {
			wg.Go(func() {
				<-start
				err := runner.After(req.Context(), "it", func(ctx context.Context) error {
					if got, ok := runner.RequestFrom(ctx); !ok || got.Header.Get("X-It") != "1" {
						t.Errorf("%v, %+v", ok, got)
					}
					ran.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
	}))
	for range requests {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		req.Header.Set("X-It", "1")
		h.ServeHTTP(httptest.NewRecorder(), req)
	}
	wg.Wait()
	drain(t, r)
	require.Equal(t, int64(requests*askers), ran.Load())
}
