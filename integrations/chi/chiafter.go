package chiafter

import (
	"context"
	"net/http"
	"runtime"

	"github.com/go-chi/chi/v5"

	"github.com/afterglow-go/afterglow/runner"
)

// New returns middleware that gives each request a scope of after, and names the route's pattern for callbacks.
func New(after *runner.Runner) func(http.Handler) http.Handler {
	return WrapMiddleware(after.Middleware)
}

// WrapMiddleware is New for another middleware, which has a runner's in it.
func WrapMiddleware(m func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer namePattern(r.Context()) // chi knows the route when it has called the handler
			next.ServeHTTP(w, r)
		}))
	}
}

func namePattern(ctx context.Context) {
	if route := chi.RouteContext(ctx); route != nil { // nil around the router
		if pattern := route.RoutePattern(); pattern != "" {
			runner.SetPattern(ctx, pattern)
		}
	}
}

// After is [runner.After] for a context of a request of chi. The callback's context has a copy of the URL parameters.
func After(ctx context.Context, name string, fn func(context.Context) error, opts ...runner.Option) error {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:]) // the line that calls this function
	if route := chi.RouteContext(ctx); route != nil {
		ctx = context.WithValue(ctx, chi.RouteCtxKey, route.Clone())
	}
	return runner.After(ctx, name, fn, append([]runner.Option{runner.Caller(pcs[0])}, opts...)...)
}
