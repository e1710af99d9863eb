package tests

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// patternOf serves a request and returns the pattern that its callback sees.
func patternOf(t *testing.T, h http.HandlerFunc, around func(http.Handler) http.Handler) (seen string) {
	t.Helper()
	r := newRunner(t, runner.Config{})
	asks := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		require.NoError(t, runner.After(req.Context(), "it", func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			seen = got.Pattern
			return nil
		}))
		h(w, req)
	})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orders/7", nil)
	r.Middleware(around(asks)).ServeHTTP(httptest.NewRecorder(), req)
	drain(t, r)
	return seen
}

func TestSetPatternNamesTheRouteOfAnyRouter(t *testing.T) {
	plain := func(h http.Handler) http.Handler { return h }
	mux := func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("GET /orders/{id}", h)
		return mux
	}
	says := func(pattern string) http.HandlerFunc {
		return func(_ http.ResponseWriter, req *http.Request) { runner.SetPattern(req.Context(), pattern) }
	}
	silent := func(http.ResponseWriter, *http.Request) {}

	require.Equal(t, "/orders/:id", patternOf(t, says("/orders/:id"), plain))
	require.Equal(t, "/orders/:id", patternOf(t, says("/orders/:id"), mux), "the router within knows better")
	require.Equal(t, "GET /orders/{id}", patternOf(t, silent, mux))
	require.Empty(t, patternOf(t, silent, plain))
	require.Equal(t, "last", patternOf(t, func(w http.ResponseWriter, req *http.Request) {
		says("first")(w, req)
		says("last")(w, req)
	}, plain))
}

func TestSetPatternNamesTheMethodOfAScope(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ctx, release := r.Scope(t.Context())
	runner.SetPattern(ctx, "/shop.Orders/Place")
	release(nil)
	runner.SetPattern(ctx, "too late")
	require.Equal(t, "/shop.Orders/Place", frozen(t, ctx).Pattern)
	runner.SetPattern(context.Background(), "no scope")
}

// A scope within a request is a part of the request, and both are of every runner
// that they pass.
func TestSetPatternIsForEveryScopeAround(t *testing.T) {
	outer, inner := newRunner(t, runner.Config{Name: "outer"}), newRunner(t, runner.Config{Name: "inner"})
	var mu sync.Mutex
	patterns := make(map[string]string) // guarded by mu
	note := func(ctx context.Context, r *runner.Runner, name string) {
		require.NoError(t, r.After(ctx, name, func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			mu.Lock()
			defer mu.Unlock()
			patterns[name] = got.Pattern
			return nil
		}))
	}
	h := outer.Middleware(inner.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		note(req.Context(), outer, "outer")
		note(req.Context(), inner, "inner")
		ctx, release := inner.Scope(req.Context())
		runner.SetPattern(ctx, "/x")
		note(ctx, inner, "scope")
		release(nil)
		require.NoError(t, runner.Wait(ctx))
	})))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	drain(t, inner)
	drain(t, outer)
	require.Equal(t, map[string]string{"outer": "/x", "inner": "/x", "scope": "/x"}, patterns)

	r := newRunner(t, runner.Config{})
	ctx, release := r.Scope(t.Context())
	runner.SetPattern(ctx, "/around")
	within, releaseWithin := r.Scope(ctx)
	release(nil)
	releaseWithin(nil)
	require.Empty(t, frozen(t, within).Pattern, "what was said of the scope around it before is about that")
}
