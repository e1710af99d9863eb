package grpcafter_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// An RPC that is under way when GracefulStop begins is answered, and its callbacks run.
func TestGracefulStopLosesNoCallback(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	entered, leave := make(chan struct{}), make(chan struct{})
	ln := listen(t)
	srv := serve(t, ln, orders{onPlace: func(ctx context.Context, _ []byte) ([]byte, error) {
		err := runner.After(ctx, "order.email", func(context.Context) error { return nil })
		close(entered)
		<-leave
		return []byte("placed"), err
	}}, grpcafter.ServerOptions(nil, after)...)
	cc := connect(t, ln.Addr(), nil)
	answer := make(chan string, 1)
	go func() {
		got, err := placeOrder(context.Background(), cc, "book")
		if err != nil {
			t.Error(err)
		}
		answer <- got
	}()
	<-entered
	stopped := make(chan struct{})
	go func() { srv.GracefulStop(); close(stopped) }()
	require.Equal(t, 1, after.Stats().Reserved, "the RPC is open")
	close(leave)
	require.Equal(t, "placed", adaptertest.Receive(t, answer))
	adaptertest.Receive(t, stopped)
	adaptertest.Drain(t, after)
	require.Equal(t, "1 success", after.Stats().Outcomes.String())
}

// Stop cuts the connection: there is no response, and callbacks run.
func TestStopReleasesCallbacks(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got, entered := make(chan runner.Request, 1), make(chan struct{})
	ln := listen(t)
	srv := serve(t, ln, orders{onPlace: func(ctx context.Context, _ []byte) ([]byte, error) {
		seen(t, ctx, got)
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}}, grpcafter.ServerOptions(nil, after)...)
	cc := connect(t, ln.Addr(), nil)
	answer := make(chan error, 1)
	go func() {
		_, err := placeOrder(context.Background(), cc, "book")
		answer <- err
	}()
	<-entered
	srv.Stop()
	require.Error(t, adaptertest.Receive(t, answer))
	require.False(t, adaptertest.Receive(t, got).NotAborted())
}
