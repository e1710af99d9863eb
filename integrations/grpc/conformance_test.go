package grpcafter_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write CONFORMANCE.md anew")

//go:generate go test -count=1 -run ^TestConformance$ . -update

func TestConformance(t *testing.T) {
	const how = "the frames of the connection, from the credentials' handshake on"
	conformance.Document(t, *update, "What was shown with gRPC", "The client and the server are those of google.golang.org/grpc.",
		server("gRPC unary", how, false, false),
		server("gRPC stream", how, true, false),
		server("gRPC unary over TLS", how, false, true),
	)
}

// server serves the suite's calls as RPCs.
func server(name, how string, stream, secure bool) conformance.Server {
	s := conformance.Server{Name: name, How: how, Exact: true, Without: map[conformance.Capability]string{
		conformance.Handlers:  "its handlers answer RPCs",
		conformance.Panicking: "grpc does not recover panics. With a recovery interceptor a panic is a failure, as another test shows",
	}}
	if !stream {
		s.Without[conformance.Streaming] = "a unary response is one message"
	}
	s.Serve = func(t testing.TB, ln net.Listener, dial conformance.Dial, h conformance.Handler, runners ...*runner.Runner) conformance.Client {
		t.Helper()
		ofServer, ofClient := plain(), plain()
		if secure {
			ofServer, ofClient = certified(t)
		}
		serve(t, ln, callShop(h), append(grpcafter.ServerOptions(ofServer, runners...),
			grpc.StaticStreamWindowSize(1<<20), grpc.StaticConnWindowSize(1<<20))...)
		cc := connect(t, ln.Addr(), ofClient, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return dial(ctx, "tcp", addr)
		}))
		return func(ctx context.Context, request string) (string, error) {
			if stream {
				return watchOrder(ctx, cc, request)
			}
			return placeOrder(ctx, cc, request)
		}
	}
	return s
}

// callShop answers RPCs of both kinds with h.
func callShop(h conformance.Handler) shop {
	return orders{
		onPlace: func(ctx context.Context, order []byte) (all []byte, err error) {
			err = h(conformance.Call{
				Context: ctx, Request: string(order),
				Write: func(p []byte) error { all = append(all, p...); return nil },
			})
			return all, err
		},
		onWatch: func(ctx context.Context, order []byte, send func([]byte) error) error {
			return h(conformance.Call{
				Context: ctx, Request: string(order), Write: send,
				Flush: func() error { return nil }, // send does
			})
		},
	}
}

// readAll reads a stream to its end.
func readAll(s grpc.ClientStream) (string, error) {
	var all []byte
	for {
		m := new(message)
		switch err := s.RecvMsg(m); {
		case errors.Is(err, io.EOF):
			return string(all), nil
		case err != nil:
			return "", err
		}
		all = append(all, m.GetValue()...)
	}
}
