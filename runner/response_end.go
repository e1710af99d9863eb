package runner

import "context"

// WithResponseEnd returns a context for a request whose server says itself when the
// response has ended. [Runner.Middleware] then waits for that. It is for servers that [Bind]
// does not know.
//
// notify registers done. The server must call it once, when the last byte of the
// response has been handed to the kernel (whole is true), or when it never will be
// (false). It must hold no lock then. notify returns false, and done is not called, if
// the response has ended already.
func WithResponseEnd(ctx context.Context, notify func(done func(whole bool)) bool) context.Context {
	return context.WithValue(ctx, responseEndKey{}, notify)
}

type responseEndKey struct{}

func notifyFrom(ctx context.Context) func(done func(whole bool)) bool {
	notify, _ := ctx.Value(responseEndKey{}).(func(done func(whole bool)) bool)
	return notify
}
