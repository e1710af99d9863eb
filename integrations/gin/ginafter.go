package ginafter

import (
	"context"
	"net/http"
	"runtime"

	"github.com/gin-gonic/gin"

	"github.com/afterglow-go/afterglow/runner"
)

// New returns a handler for Use that gives each request a scope of after.
func New(after *runner.Runner) gin.HandlerFunc { return WrapMiddleware(after.Middleware) }

// WrapMiddleware makes a gin.HandlerFunc of a middleware, as echo.WrapMiddleware does
// for echo. The handlers after it get the ResponseWriter and the request that the
// middleware hands on. If it hands on nothing, they are not called. The
// route's pattern is named for the callbacks of the request.
func WrapMiddleware(m func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		called := false
		m(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			called = true
			runner.SetPattern(req.Context(), c.FullPath())
			res := &writer{c.Writer, w}
			c.Writer, c.Request = res, req
			c.Next()
			if res.Status() != http.StatusOK {
				res.tell() // gin may send it when the middleware has returned
			}
		})).ServeHTTP(c.Writer, c.Request)
		if !called {
			c.Abort()
		}
	}
}

// After is [runner.After] with the scope of c, which [New] has opened. The context of the callback has the
// values of the request's context, and those of a copy of c: its keys, and the copy itself under
// gin.ContextKey. runner.After(c.Request.Context(), …) works as well, without the keys.
func After(c *gin.Context, name string, fn func(context.Context) error, opts ...runner.Option) error {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:]) // the line that calls this function
	return runner.After(&kept{c.Request.Context(), c.Copy()}, name, fn, append([]runner.Option{runner.Caller(pcs[0])}, opts...)...)
}

// kept is the context of a request with a copy of its gin.Context, which gin gives to other requests.
type kept struct {
	context.Context
	copied *gin.Context
}

// Value implements [context.Context].
func (k *kept) Value(key any) any {
	if key == gin.ContextKey {
		return k.copied
	}
	if name, ok := key.(string); ok {
		if value, ok := k.copied.Get(name); ok {
			return value
		}
	}
	return k.Context.Value(key)
}

// String implements [fmt.Stringer]: fmt would read what others write.
func (*kept) String() string { return "ginafter.Values" }
