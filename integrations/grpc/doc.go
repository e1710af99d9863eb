// Package grpcafter runs callbacks after the RPCs of a google.golang.org/grpc server.
//
// # Usage
//
// Give the server [ServerOptions] first, and ask with the context of the RPC:
//
//	srv := grpc.NewServer(append(grpcafter.ServerOptions(credentials.NewTLS(config), after),
//		grpc.StatsHandler(otelgrpc.NewServerHandler()),
//		grpc.ChainUnaryInterceptor(recovery.UnaryServerInterceptor()))...)
//
//	func (s *shop) Place(ctx context.Context, order *pb.Order) (*pb.Receipt, error) {
//		err := runner.After(ctx, "order.email", func(ctx context.Context) error { return s.mail(ctx, order) })
//		…
//	}
//
// It serves RPCs of every kind. A stream's callbacks are due when the whole stream has ended.
// Interceptors may stand anywhere: the RPC's scope is around all of them, and they see neither
// scope nor ServerStream of this package.
//
// # What holds
//
// A callback starts only once the last frame of its RPC has been handed to the kernel: the
// credentials wrap the connection, and package exacth2 follows its frames. The RPC has ended
// as well when the client has reset it, or when the connection is closed.
//
// In [runner.Request] the metadata is in Header (in canonical form, so that Header.Get works),
// the full method in Pattern, and the status in Err and Code. So a failed RPC closes
// When(runner.Request.Succeeded), also if the server failed to encode a reply that the handler
// has returned. Aborted says that the response has not reached the client whole. Spans of
// callbacks have rpc.system.name, rpc.method and rpc.response.status_code in place of http.*.
//
// # Shutdown
//
// Call GracefulStop of the server, then Shutdown of the runner. RPCs that end during GracefulStop
// have their callbacks accepted.
//
// # Limits
//
// grpc does not recover panics: without a recovery interceptor, the panic of a handler ends the
// process, and callbacks are lost. A client that never lets the rest of a response through holds
// its callbacks for exacth2.MaxHold after the handler has returned.
//
// The number of a stream is read from a private field of grpc's. With a version of grpc that has no
// such field, and on connections that did not pass through the credentials (grpc.Creds was
// given again; Server.ServeHTTP), callbacks are due when grpc has put the end of the RPC into its
// queue, which is often before it has left. The first such RPC is logged by grpclog.
//
// The server has a stats.Handler, so grpc makes the events of stats for each message.
package grpcafter
