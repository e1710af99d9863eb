package grpcafter_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

const (
	clients = 16
	rpcs    = 800
)

// Under load each callback sees its own RPC, and its span is linked to that of its RPC. Half of
// the callbacks run when all RPCs have been answered, and grpc has used again what it uses again.
func TestUnderLoadEachCallbackSeesItsOwnRPC(t *testing.T) {
	observer, provider, exporter := newTelemetry(t)
	after := adaptertest.NewRunner(t, runner.Config{Workers: 8, Queue: 4 * rpcs, Limits: map[string]int{"order.webhook": 4}, Observers: []runner.Observer{observer}})
	answered := make(chan struct{})
	var mu sync.Mutex
	ofRPC := make(map[string]trace.SpanContext) // the RPC's span, by its id
	ofCallback := make(map[trace.SpanID]string) // the id that the callback closes over, by its span
	var wrong []string
	check := func(ctx context.Context, id string) error {
		req, ok := runner.RequestFrom(ctx)
		mu.Lock()
		defer mu.Unlock()
		if !ok || req.Header.Get("X-Id") != id || req.Code != "OK" {
			wrong = append(wrong, fmt.Sprintf("a callback of %s sees the RPC of %q, which ended in %s", id, req.Header.Get("X-Id"), req.Code))
		}
		ofCallback[trace.SpanContextFromContext(ctx).SpanID()] = id
		return nil
	}
	ask := func(ctx context.Context, order []byte) error {
		id := string(order)
		mu.Lock()
		ofRPC[id] = trace.SpanContextFromContext(ctx)
		mu.Unlock()
		return runner.AfterAll(ctx,
			runner.Call{Name: "order.email", Func: func(ctx context.Context) error { return check(ctx, id) }},
			runner.Call{Name: "order.webhook", Func: func(ctx context.Context) error {
				<-answered
				return check(ctx, id)
			}})
	}
	ln := listen(t)
	srv := serve(t, ln, orders{
		onPlace: func(ctx context.Context, order []byte) ([]byte, error) { return order, ask(ctx, order) },
		onWatch: func(ctx context.Context, order []byte, send func([]byte) error) error {
			if err := ask(ctx, order); err != nil {
				return err
			}
			return send(order)
		},
	}, append(grpcafter.ServerOptions(nil, after), grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(provider))))...)
	connections := []*grpc.ClientConn{connect(t, ln.Addr(), nil), connect(t, ln.Addr(), nil)}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := client; i < rpcs; i += clients {
				call, id := placeOrder, fmt.Sprint("order-", i)
				if i%3 == 0 {
					call = watchOrder
				}
				got, err := call(metadata.AppendToOutgoingContext(t.Context(), "x-id", id), connections[client%2], id)
				if err != nil || got != id {
					t.Errorf("%s: got %q, %v", id, got, err)
				}
			}
		})
	}
	wg.Wait()
	close(answered)
	srv.GracefulStop()
	adaptertest.Drain(t, after)
	require.Empty(t, wrong[:min(len(wrong), 10)], "%d in all", len(wrong))
	require.Equal(t, fmt.Sprintf("%d success", 2*rpcs), after.Stats().Outcomes.String())
	links := 0
	for _, s := range exporter.GetSpans() {
		if id, ok := ofCallback[s.SpanContext.SpanID()]; ok {
			require.Len(t, s.Links, 1)
			require.True(t, s.Links[0].SpanContext.Equal(ofRPC[id]), "%s of %s", s.Name, id)
			links++
		}
	}
	require.Equal(t, 2*rpcs, links)
}
