//go:build unix

package rates_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/telemetry"
)

// ours is this package, with its defaults and with telemetry.
type ours struct {
	open    enginetest.Open
	dsn     string
	queue   *durable.Queue // enqueues
	task    *durable.Task[payload]
	counter *counter
}

// config has telemetry as a service has it: metrics, and spans of which a tenth is sampled.
func config(b *testing.B, role durable.Role) durable.Config {
	b.Helper()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(.1)), sdktrace.WithBatcher(nowhere{}))
	b.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	tel, err := telemetry.New(telemetry.Config{TracerProvider: provider, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	return durable.Config{Role: role, Telemetry: tel, Logger: slog.New(slog.DiscardHandler)}
}

// nowhere exports no spans.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

func (nowhere) Shutdown(context.Context) error { return nil }

func newOurs(b *testing.B, open enginetest.Open, dsn string, c *counter) side {
	b.Helper()
	s := &ours{open: open, dsn: dsn, counter: c}
	s.task = durable.Define("ours", durable.Options{}, func(context.Context, payload) error {
		c.count()
		return nil
	})
	var err error
	s.queue, err = open(b.Context(), dsn, config(b, durable.EnqueueOnly))
	require.NoError(b, err)
	b.Cleanup(func() { _, _ = s.queue.Shutdown(context.Background()) })
	return s
}

func (s *ours) enqueue(ctx context.Context, n int) error {
	_, err := s.task.Enqueue(ctx, s.queue, payload{n, "customer"})
	return err
}

func (s *ours) enqueueAll(ctx context.Context, n int) error {
	all := make([]durable.Item, n)
	for i := range all {
		all[i] = s.task.With(payload{i, "customer"})
	}
	_, err := s.queue.EnqueueAll(ctx, all...)
	return err
}

func (s *ours) work(b *testing.B) (stop func()) {
	b.Helper()
	q, err := s.open(b.Context(), s.dsn, config(b, durable.Full), s.task)
	require.NoError(b, err)
	return func() {
		_, err := q.Shutdown(context.Background())
		require.NoError(b, err)
	}
}
