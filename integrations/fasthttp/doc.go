// Package fasthttpafter runs callbacks after the responses of a github.com/valyala/fasthttp
// server. Package fiberafter, in integrations/fiber, does the same for Fiber.
//
// # Usage
//
//	srv := &fasthttp.Server{Handler: fasthttpafter.Handler(after, route)}
//
//	func placeOrder(c *fasthttp.RequestCtx) {
//		id := string(c.QueryArgs().Peek("id")) // a copy: fasthttp uses its memory again
//		err := fasthttpafter.After(c, "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
//		…
//	}
//
// # What holds
//
// A callback starts only once the last byte of its response has been handed to the kernel. fasthttp
// closes user values when it has written and flushed the response, and one of them is ours.
// A body that is streamed (SetBodyStreamWriter) is part of the response.
//
// fasthttp gives a RequestCtx and its memory to the next request. What a callback reads with
// [runner.RequestFrom] is a copy. Of the user values, which it reads from its context, those that
// are strings or byte slices are copies. All others are handed on as they are: a struct, a map or a
// slice of strings may hold parts of the request, so copy these before you set them. What your
// function closes over is yours to copy, too.
//
// # Limits
//
// A client that pipelines: fasthttp holds a response back until it has served the requests that
// have come already, and says of neither that it has left. Callbacks of all but the last may then
// start before.
//
// fasthttp does not say that a client has left, or that writing failed: Aborted is never set.
//
// If RequestCtx.TimeoutError or fasthttp.TimeoutHandler has answered in place of the handler, callbacks are
// due when [Handler] has returned, the request has TimedOut, and nothing else is known of it. Put
// TimeoutHandler inside of Handler: outside of it, the two use one RequestCtx at once.
//
// A handler that hijacks its connection has no response: callbacks are due when the handler has
// returned. If a handler calls ResetUserValues, callbacks are due then as well, perhaps before the
// response has left.
package fasthttpafter
