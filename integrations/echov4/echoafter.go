package echoafter

import (
	"context"
	"net/http"
	"runtime"

	"github.com/labstack/echo/v4"

	"github.com/afterglow-go/afterglow/runner"
)

// New returns middleware that gives each request a scope of after, and names the route's pattern for callbacks.
func New(after *runner.Runner) echo.MiddlewareFunc { return WrapMiddleware(after.Middleware) }

// WrapMiddleware is New for another middleware, which has a runner's in it.
func WrapMiddleware(m func(http.Handler) http.Handler) echo.MiddlewareFunc {
	wrapped := echo.WrapMiddleware(m)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return wrapped(func(c echo.Context) error {
			defer func() {
				if pattern := c.Path(); pattern != "" {
					runner.SetPattern(c.Request().Context(), pattern)
				}
			}()
			return next(c)
		})
	}
}

// After is [runner.After] with the context of the request of c. echo gives c to other requests, so the callback must not
// use it.
func After(c echo.Context, name string, fn func(context.Context) error, opts ...runner.Option) error {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:]) // the line that calls this function
	return runner.After(c.Request().Context(), name, fn, append([]runner.Option{runner.Caller(pcs[0])}, opts...)...)
}
