package fasthttpafter

import (
	"context"
	"runtime"

	"github.com/valyala/fasthttp"

	"github.com/afterglow-go/afterglow/runner"
)

// Handler gives each request a scope of after, so that next can call [After]. The callbacks
// are due when the response has left. They run however next ends, if something recovers its panics:
// fasthttp does not.
func Handler(after *runner.Runner, next fasthttp.RequestHandler) fasthttp.RequestHandler {
	if next == nil {
		panic("fasthttpafter: Handler of a nil fasthttp.RequestHandler")
	}
	return func(c *fasthttp.RequestCtx) {
		base := context.Background()
		if around := requestOf(c); around != nil {
			base = around.scope
		}
		_, leave := Open(base, c, after)
		returned := false
		defer func() { leave(!returned) }()
		next(c)
		returned = true
	}
}

// After is [runner.After] with the scope of c, which [Handler] has opened, and with a copy of its
// user values: see [Context]. Without a scope it returns runner.ErrNoScope.
func After(c *fasthttp.RequestCtx, name string, fn func(context.Context) error, opts ...runner.Option) error {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:]) // the line that calls this function
	return runner.After(Context(c), name, fn, append([]runner.Option{runner.Caller(pcs[0])}, opts...)...)
}

// Context returns a context that may be kept when fasthttp uses c again, with the scope of c and a
// copy of its user values as they are now. Strings and byte slices among them are copied, as they
// are often parts of the request. What other values hold is not. It does not end with the request.
func Context(c *fasthttp.RequestCtx) context.Context {
	base := context.Background()
	if r := requestOf(c); r != nil {
		base = r.scope
	}
	return WithUserValues(base, c)
}
