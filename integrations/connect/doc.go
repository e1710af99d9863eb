// Package connectafter names the RPCs of connect-go (connectrpc.com/connect) for callbacks that run after them.
//
// # Usage
//
// A handler of connect is an http.Handler: the Middleware goes around it, and the interceptor of this package into it.
//
//	path, handler := shopv1connect.NewOrdersHandler(shop{}, connect.WithInterceptors(connectafter.Interceptor()))
//	mux.Handle(path, handler)
//	srv := &http.Server{Handler: after.Middleware(mux)}
//	runner.Bind(srv)
//
//	func (s shop) Place(ctx context.Context, req *connect.Request[pb.Order]) (*connect.Response[pb.Receipt], error) {
//		err := runner.After(ctx, "order.email", func(ctx context.Context) error { return s.mail(ctx, req.Msg) })
//		…
//	}
//
// No interceptor can take the place of the Middleware: connect writes the response when the interceptors have returned.
//
// # What holds
//
// With [runner.Bind], and with exacth2.Configure for HTTP/2, which gRPC clients need, a callback starts only once the last
// byte of its response has been handed to the kernel.
//
// In [runner.Request], Pattern is the procedure, RPC the protocol that the client speaks ("connectrpc" or "grpc"), Code and
// Err how the RPC ended. A stream answers 200 and has its error in its last message; Err closes
// When(runner.Request.Succeeded) all the same. Spans have rpc.* in place of http.*.
package connectafter
