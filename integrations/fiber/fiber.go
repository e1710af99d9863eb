package fiberafter

import (
	"context"
	"runtime"
	"strings"

	"github.com/gofiber/fiber/v3"

	fasthttpafter "github.com/afterglow-go/afterglow/integrations/fasthttp"
	"github.com/afterglow-go/afterglow/runner"
)

// New returns middleware that gives each request a scope of after: c.Context() leads to it.
func New(after *runner.Runner) fiber.Handler {
	return func(c fiber.Ctx) error {
		scope, leave := fasthttpafter.Open(c.Context(), c.RequestCtx(), after)
		c.SetContext(scope)
		returned := false
		defer func() {
			// What middleware timeout has abandoned is used by its handler, and may be at any route.
			if !c.IsAbandoned() && !c.IsMiddleware() { // of middleware: no route has matched
				runner.SetPattern(scope, strings.Clone(c.FullPath()))
			}
			leave(!returned)
		}()
		err := c.Next()
		returned = true
		return err
	}
}

// After is [runner.After] with the scope of c, which [New] has opened, and with a copy of its locals: see
// [Context]. Without a scope it returns runner.ErrNoScope.
func After(c fiber.Ctx, name string, fn func(context.Context) error, opts ...runner.Option) error {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:]) // the line that calls this function
	return runner.After(Context(c), name, fn, append([]runner.Option{runner.Caller(pcs[0])}, opts...)...)
}

// Context returns c.Context() with a copy of the locals of c as they are now. It may be kept when Fiber
// uses c again.
func Context(c fiber.Ctx) context.Context {
	return fasthttpafter.WithUserValues(c.Context(), c.RequestCtx())
}
