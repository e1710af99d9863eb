package grpcafter_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// grpc limits no streams. The handlers of these go on when the client has left, and return no error.
func TestHoweverManyRPCsAreCutAtOnceEachIsAborted(t *testing.T) {
	const rpcs = 5000 // exacth2 remembers 4096 for handlers that have not begun
	after := adaptertest.NewRunner(t, runner.Config{Queue: rpcs})
	running, cut, left := make(chan struct{}, rpcs), make(chan struct{}, rpcs), make(chan struct{})
	got := make(chan runner.Request, rpcs)
	ln := listen(t)
	serve(t, ln, orders{onPlace: func(ctx context.Context, order []byte) ([]byte, error) {
		seen(t, ctx, got)
		running <- struct{}{}
		<-ctx.Done()
		cut <- struct{}{}
		<-left
		return order, nil
	}}, grpcafter.ServerOptions(nil, after)...)
	cc := connect(t, ln.Addr(), plain())
	ctx, leave := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range rpcs {
		clients.Go(func() {
			if _, err := placeOrder(ctx, cc, "1"); status.Code(err) != codes.Canceled {
				t.Error(err)
			}
		})
	}
	for range rpcs {
		adaptertest.Receive(t, running)
	}
	leave()
	clients.Wait()
	for range rpcs {
		adaptertest.Receive(t, cut)
	}
	close(left)
	whole := 0
	for range rpcs {
		if req := adaptertest.Receive(t, got); !req.Aborted {
			whole++
		}
	}
	require.Zero(t, whole, "of %d RPCs", rpcs)
}
