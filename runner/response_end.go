package runner

import "context"

// WithResponseEnd returns the context of a request whose server knows when the
// response has ended. It is for servers that [Bind] does not know. [Runner.Middleware]
// finds notify in the request's context, and releases the request's callbacks when
// the response has ended.
//
// notify registers done. The server calls done once: with true when the last byte of
// the response has been handed to the kernel, with false when that will never happen.
// It must hold no lock then that it also takes in notify. done is quick, and does not
// block. notify returns false if the response has ended already, or if nobody will
// report it. Then done is not called, and the callbacks are due when the handler has
// returned.
//
// notify may be called several times for one request, as several runners may serve
// it, and by several goroutines at once, also after the handler has returned.
func WithResponseEnd(ctx context.Context, notify func(done func(whole bool)) bool) context.Context {
	return context.WithValue(ctx, responseEndKey{}, notify)
}

type responseEndKey struct{}

func responseEndFrom(ctx context.Context) func(done func(whole bool)) bool {
	notify, _ := ctx.Value(responseEndKey{}).(func(done func(whole bool)) bool)
	return notify
}
