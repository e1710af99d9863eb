package sampling_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/sampling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seededIDs makes the same ids in every run of a test.
type seededIDs struct {
	mu     sync.Mutex
	random *rand.Rand // guarded by mu
}

func (s *seededIDs) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	s.mu.Lock()
	binary.BigEndian.PutUint64(id[:8], s.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], s.random.Uint64()|1<<40) // never all zero
	s.mu.Unlock()
	return id, s.NewSpanID(ctx, id)
}

func (s *seededIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	binary.BigEndian.PutUint64(id[:], s.random.Uint64()|1)
	return id
}

const requests = 4000

// dangling serves requests with one callback each, and counts those of which
// only one of the two spans was sampled, and the requests that were.
func dangling(t *testing.T, sampler sdktrace.Sampler) (dangling, sampled int) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sampler),
		sdktrace.WithIDGenerator(&seededIDs{random: rand.New(rand.NewPCG(1, 2))}),
		sdktrace.WithSyncer(exporter))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: provider,
		Registerer:     prometheus.NewRegistry(),
		Logger:         slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)

	for range requests {
		ctx, request := provider.Tracer("server").Start(t.Context(), "POST /api/orders")
		ctx, release := r.Scope(ctx)
		var process trace.SpanContext
		require.NoError(t, runner.After(ctx, "order.email", func(ctx context.Context) error {
			process = trace.SpanContextFromContext(ctx)
			return nil
		}))
		request.End()
		release(nil)
		require.NoError(t, runner.Wait(ctx)) // one after the other, or the ids would be dealt out by chance
		require.True(t, process.IsValid())
		if request.SpanContext().IsSampled() != process.IsSampled() {
			dangling++
		}
		if request.SpanContext().IsSampled() {
			sampled++
		}
	}
	_, err = r.Shutdown(context.Background())
	require.NoError(t, err)

	// What was exported tells the same: each link's other end is there or not.
	spans := exporter.GetSpans()
	known, linkedTo := make(map[trace.SpanID]bool), make(map[trace.SpanID]bool)
	for _, s := range spans {
		known[s.SpanContext.SpanID()] = true
		for _, l := range s.Links {
			linkedTo[l.SpanContext.SpanID()] = true
		}
	}
	ends := 0
	for _, s := range spans {
		if s.Name == "POST /api/orders" && !linkedTo[s.SpanContext.SpanID()] {
			ends++
		}
		for _, l := range s.Links {
			if !known[l.SpanContext.SpanID()] {
				ends++
			}
		}
	}
	require.Equal(t, dangling, ends)
	return dangling, sampled
}

func TestNoLinkDanglesWithLinkedAndWithoutItAsManyAsChanceHasIt(t *testing.T) {
	for _, c := range []struct {
		ratio    float64
		dangling [2]int // at least and at most without Linked: 2 x ratio x (1 - ratio) of the requests, give or take
		sampled  [2]int // likewise with it: the ratio is kept
	}{
		{0.5, [2]int{1850, 2150}, [2]int{1850, 2150}},
		{0.01, [2]int{40, 130}, [2]int{15, 75}},
	} {
		root := sdktrace.TraceIDRatioBased(c.ratio)
		without, _ := dangling(t, sdktrace.ParentBased(root))
		inside, sampled := dangling(t, sdktrace.ParentBased(sampling.Linked(root)))
		around, _ := dangling(t, sampling.Linked(sdktrace.ParentBased(root)))
		t.Logf("ratio %g, %d requests, %d of them sampled with Linked; links that dangle: %d without Linked, %d with it inside of ParentBased, %d around it",
			c.ratio, requests, sampled, without, inside, around)
		require.Zero(t, inside)
		require.Zero(t, around)
		require.GreaterOrEqual(t, without, c.dangling[0])
		require.LessOrEqual(t, without, c.dangling[1])
		require.GreaterOrEqual(t, sampled, c.sampled[0])
		require.LessOrEqual(t, sampled, c.sampled[1])
	}
}
