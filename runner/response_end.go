package runner

import "context"

// WithResponseEnd returns the context of a request whose server knows when the
// response has ended. It is for servers that [Bind] does not know. [Runner.Middleware]
// finds notify in the request's context, and releases the request's callbacks when
// the response has ended.
//
// notify registers done and returns true. The server then calls done once: with true when
// the last byte of the response has been handed to the kernel, with false when that will
// never happen. While it calls done, the server must not hold a lock that notify takes.
// done is quick, and does not block. notify returns false if the response has ended
// already, or if nothing will report its end. Then the server must not call done, and the
// callbacks are due when the server's handler has returned. A nil notify does nothing.
//
// The runner may call notify several times for one request, because several runners may
// serve it, by several goroutines at once, and after the handler has returned.
func WithResponseEnd(ctx context.Context, notify func(done func(whole bool)) bool) context.Context {
	return context.WithValue(ctx, responseEndKey{}, notify)
}

type responseEndKey struct{}

func responseEndFrom(ctx context.Context) func(done func(whole bool)) bool {
	notify, _ := ctx.Value(responseEndKey{}).(func(done func(whole bool)) bool)
	return notify
}
