package grpcafter_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

func TestACallbackReadsTheRPCThatItRunsAfter(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	cc := start(t, after, func(ctx context.Context, _ []byte) ([]byte, error) {
		seen(t, ctx, got)
		return []byte("placed"), nil
	})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-id", "7", "x-id", "8", "trace-bin", "\x00\xff")
	answer, err := placeOrder(ctx, cc, "book")
	require.NoError(t, err)
	require.Equal(t, "placed", answer)

	req := adaptertest.Receive(t, got)
	require.Equal(t, "grpc", req.RPC)
	require.Equal(t, place, req.Pattern)
	require.Equal(t, "OK", req.Code)
	require.Equal(t, []string{"7", "8"}, req.Header.Values("X-Id"))
	require.Equal(t, "\x00\xff", req.Header.Get("Trace-Bin"))
	require.Equal(t, "application/grpc", req.Header.Get("Content-Type"))
	require.Contains(t, req.UserAgent(), "grpc-go")
	require.Equal(t, cc.CanonicalTarget(), "passthrough:///"+req.Host)
	require.NotEmpty(t, req.RemoteAddr)
	require.EqualValues(t, 8, req.Bytes, "a message of six bytes with a tag and a length")
	require.Empty(t, req.Method)
	require.WithinDuration(t, time.Now(), req.Start, adaptertest.Patience)
	require.True(t, req.Succeeded())
	require.True(t, req.NotAborted())
	require.False(t, req.TimedOut)
}

// However an RPC fails, callbacks for successes do not run.
func TestAFailedRPCClosesWhen(t *testing.T) {
	large := string(make([]byte, 100))
	for name, c := range map[string]struct {
		handler func() ([]byte, error)
		options []grpc.ServerOption
		code    string
	}{
		"a status":            {handler: func() ([]byte, error) { return nil, status.Error(codes.NotFound, "no") }, code: "NOT_FOUND"},
		"an error":            {handler: func() ([]byte, error) { return nil, errors.New("no") }, code: "UNKNOWN"},
		"a reply too large":   {handler: func() ([]byte, error) { return []byte(large), nil }, options: []grpc.ServerOption{grpc.MaxSendMsgSize(10)}, code: "RESOURCE_EXHAUSTED"},
		"a panic, recovered":  {handler: func() ([]byte, error) { panic("broken") }, options: []grpc.ServerOption{grpc.ChainUnaryInterceptor(recovery.UnaryServerInterceptor())}, code: "UNKNOWN"},
		"turned into success": {handler: func() ([]byte, error) { return nil, errors.New("no") }, options: []grpc.ServerOption{grpc.UnaryInterceptor(forgive)}, code: "OK"},
	} {
		t.Run(name, func(t *testing.T) {
			after := adaptertest.NewRunner(t, runner.Config{})
			got := make(chan runner.Request, 1)
			cc := start(t, after, func(ctx context.Context, _ []byte) ([]byte, error) {
				if err := runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.When(runner.Request.Succeeded)); err != nil {
					t.Error(err)
				}
				seen(t, ctx, got)
				return c.handler()
			}, c.options...)
			_, err := placeOrder(t.Context(), cc, "book")
			req := adaptertest.Receive(t, got)
			adaptertest.Drain(t, after)
			require.Equal(t, c.code, req.Code)
			if c.code == "OK" {
				require.NoError(t, err)
				require.True(t, req.Succeeded())
				require.Equal(t, "2 success", after.Stats().Outcomes.String())
				return
			}
			require.Equal(t, status.Code(err), status.Code(req.Err), "the client sees the same")
			require.False(t, req.Succeeded())
			require.Equal(t, "1 success, 1 skipped", after.Stats().Outcomes.String())
		})
	}
}

// forgive is an interceptor that hides failures.
func forgive(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
	if _, err := h(ctx, req); err != nil {
		return new(message), nil //nolint:nilerr // that is what it does
	}
	return new(message), nil
}

func TestAStreamsCallbacksWaitForItsEnd(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got, more := make(chan runner.Request, 1), make(chan struct{})
	ln := listen(t)
	serve(t, ln, orders{onWatch: func(ctx context.Context, _ []byte, send func([]byte) error) error {
		seen(t, ctx, got)
		if err := send([]byte("one")); err != nil {
			return err
		}
		<-more
		if err := send([]byte("two")); err != nil {
			return err
		}
		return status.Error(codes.DataLoss, "no third")
	}}, grpcafter.ServerOptions(nil, after)...)
	cc := connect(t, ln.Addr(), nil)
	s, err := cc.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, watch)
	require.NoError(t, err)
	require.NoError(t, s.SendMsg(new(message)))
	require.NoError(t, s.CloseSend())
	require.NoError(t, s.RecvMsg(new(message)))
	require.Equal(t, 1, after.Stats().Reserved)
	close(more)
	require.NoError(t, s.RecvMsg(new(message)))
	require.Equal(t, codes.DataLoss, status.Code(s.RecvMsg(new(message))))
	req := adaptertest.Receive(t, got)
	require.Equal(t, watch, req.Pattern)
	require.Equal(t, "DATA_LOSS", req.Code)
}

func TestAClientThatLeavesIsSeen(t *testing.T) {
	for how, leave := range map[string]func(cancel func(), cc *grpc.ClientConn){
		"resets its RPC":        func(cancel func(), _ *grpc.ClientConn) { cancel() },
		"closes its connection": func(_ func(), cc *grpc.ClientConn) { _ = cc.Close() },
	} {
		t.Run(how, func(t *testing.T) {
			after := adaptertest.NewRunner(t, runner.Config{})
			got, entered := make(chan runner.Request, 1), make(chan struct{})
			cc := start(t, after, func(ctx context.Context, _ []byte) ([]byte, error) {
				seen(t, ctx, got)
				close(entered)
				<-ctx.Done()
				return nil, nil // as if nothing had happened
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			answer := make(chan error, 1)
			go func() {
				_, err := placeOrder(ctx, cc, "book")
				answer <- err
			}()
			<-entered
			leave(cancel, cc)
			require.Error(t, adaptertest.Receive(t, answer))
			require.False(t, adaptertest.Receive(t, got).NotAborted())
		})
	}
}

func TestADeadlineOfTheClientIsSeen(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got, gone := make(chan runner.Request, 1), make(chan struct{})
	cc := start(t, after, func(ctx context.Context, _ []byte) ([]byte, error) {
		seen(t, ctx, got)
		<-ctx.Done()
		<-gone // the client's clock is another one
		return nil, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := placeOrder(ctx, cc, "book")
	close(gone)
	require.Equal(t, codes.DeadlineExceeded, status.Code(err))
	require.False(t, adaptertest.Receive(t, got).Succeeded())
}

// Interceptors look at the types of these.
func TestThePeerIsWhatItIsWithoutARunner(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	ofServer, ofClient := certified(t)
	ln := listen(t)
	serve(t, ln, orders{onPlace: func(ctx context.Context, _ []byte) ([]byte, error) {
		p, _ := peer.FromContext(ctx)
		if _, ok := p.Addr.(*net.TCPAddr); !ok {
			t.Errorf("the address is a %T", p.Addr)
		}
		if _, ok := p.AuthInfo.(credentials.TLSInfo); !ok {
			t.Errorf("the auth info is a %T", p.AuthInfo)
		}
		return nil, nil
	}}, grpcafter.ServerOptions(ofServer, after)...)
	_, err := placeOrder(t.Context(), connect(t, ln.Addr(), ofClient), "book")
	require.NoError(t, err)
}

// With other credentials nothing is known of the connection. Callbacks run all the same.
func TestCallbacksRunOnConnectionsThatAreNotFollowed(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	cc := start(t, after, func(ctx context.Context, _ []byte) ([]byte, error) {
		seen(t, ctx, got)
		return nil, nil
	}, grpc.Creds(plain()))
	_, err := placeOrder(t.Context(), cc, "book")
	require.NoError(t, err)
	require.True(t, adaptertest.Receive(t, got).NotAborted())
}

// grpc can serve RPCs under net/http, too.
func TestCallbacksRunUnderServeHTTP(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	srv := grpc.NewServer(grpcafter.ServerOptions(nil, after)...)
	srv.RegisterService(&description, orders{onPlace: func(ctx context.Context, _ []byte) ([]byte, error) {
		seen(t, ctx, got)
		return []byte("placed"), nil
	}})
	ln := listen(t)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	web := &http.Server{Handler: srv, Protocols: protocols, ReadHeaderTimeout: adaptertest.Patience}
	served := make(chan struct{})
	go func() { _ = web.Serve(ln); close(served) }()
	t.Cleanup(func() { _ = web.Close(); <-served })
	answer, err := placeOrder(t.Context(), connect(t, ln.Addr(), nil), "book")
	require.NoError(t, err)
	require.Equal(t, "placed", answer)
	require.Equal(t, place, adaptertest.Receive(t, got).Pattern)
}

func TestAnUnknownMethodAsksForNothing(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	cc := start(t, after, nil)
	err := cc.Invoke(t.Context(), "/shop.v1.Orders/Nothing", new(message), new(message))
	require.Equal(t, codes.Unimplemented, status.Code(err))
	require.Zero(t, after.Stats().Asked)
}
