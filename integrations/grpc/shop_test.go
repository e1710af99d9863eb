package grpcafter_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/runner"
)

const (
	service = "shop.v1.Orders"
	place   = "/" + service + "/Place" // unary
	watch   = "/" + service + "/Watch" // a stream of the server
)

type message = wrapperspb.BytesValue

// shop is what a file of generated code would call.
type shop interface {
	place(ctx context.Context, order []byte) ([]byte, error)
	watch(ctx context.Context, order []byte, send func([]byte) error) error
}

var description = grpc.ServiceDesc{
	ServiceName: service,
	HandlerType: (*shop)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Place", Handler: func(srv any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		in := new(message)
		if err := decode(in); err != nil {
			return nil, err
		}
		h := func(ctx context.Context, in any) (any, error) {
			out, err := srv.(shop).place(ctx, in.(*message).GetValue())
			return wrapperspb.Bytes(out), err
		}
		if chain == nil {
			return h(ctx, in)
		}
		return chain(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: place}, h)
	}}},
	Streams: []grpc.StreamDesc{{StreamName: "Watch", ServerStreams: true, Handler: func(srv any, s grpc.ServerStream) error {
		in := new(message)
		if err := s.RecvMsg(in); err != nil {
			return err
		}
		return srv.(shop).watch(s.Context(), in.GetValue(), func(p []byte) error { return s.SendMsg(wrapperspb.Bytes(p)) })
	}}},
}

// orders is a shop made of functions.
type orders struct {
	onPlace func(ctx context.Context, order []byte) ([]byte, error)
	onWatch func(ctx context.Context, order []byte, send func([]byte) error) error
}

func (o orders) place(ctx context.Context, order []byte) ([]byte, error) {
	return o.onPlace(ctx, order)
}

func (o orders) watch(ctx context.Context, order []byte, send func([]byte) error) error {
	return o.onWatch(ctx, order, send)
}

// serve serves the shop on a port of its own until the end of the test.
func serve(t testing.TB, ln net.Listener, s shop, options ...grpc.ServerOption) *grpc.Server {
	t.Helper()
	srv := grpc.NewServer(options...)
	srv.RegisterService(&description, s)
	served := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(served) }()
	t.Cleanup(func() {
		srv.Stop()
		<-served
	})
	return srv
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

// connect returns a client of the server at that address. Its windows do not change, so it sends
// and gets no frames but those of its RPCs.
func connect(t testing.TB, addr net.Addr, creds credentials.TransportCredentials, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	cc, err := grpc.NewClient("passthrough:///"+addr.String(), append(options, grpc.WithTransportCredentials(creds),
		grpc.WithStaticStreamWindowSize(1<<20), grpc.WithStaticConnWindowSize(1<<20))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// placeOrder calls the unary method.
func placeOrder(ctx context.Context, cc *grpc.ClientConn, order string) (string, error) {
	out := new(message)
	err := cc.Invoke(ctx, place, wrapperspb.Bytes([]byte(order)), out)
	return string(out.GetValue()), err
}

// watchOrder calls the stream, and returns all that it has sent.
func watchOrder(ctx context.Context, cc *grpc.ClientConn, order string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, watch)
	if err != nil {
		return "", err
	}
	if err := s.SendMsg(wrapperspb.Bytes([]byte(order))); err != nil {
		return "", err
	}
	if err := s.CloseSend(); err != nil {
		return "", err
	}
	return readAll(s)
}

// start serves a unary method under a runner, and returns a client.
func start(t testing.TB, after *runner.Runner, h func(ctx context.Context, order []byte) ([]byte, error), more ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	ln := listen(t)
	serve(t, ln, orders{onPlace: h}, append(grpcafter.ServerOptions(nil, after), more...)...)
	return connect(t, ln.Addr(), nil)
}

// seen asks for a callback that hands on the request it runs after.
func seen(t testing.TB, ctx context.Context, to chan<- runner.Request, opts ...runner.Option) {
	err := runner.After(ctx, "order.log", func(ctx context.Context) error {
		req, _ := runner.RequestFrom(ctx)
		to <- req
		return nil
	}, opts...)
	if err != nil {
		t.Error(err)
	}
}
