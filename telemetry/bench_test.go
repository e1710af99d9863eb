package telemetry_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// BenchmarkCallback is one empty callback from Go to its end. Only the ratios
// within one run mean something; the cost of the runner itself is the first.
func BenchmarkCallback(b *testing.B) {
	sdk := func(s sdktrace.Sampler) trace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(s))
	}
	for _, c := range []struct {
		name      string
		observers []runner.Observer
	}{
		{"bare", nil},
		{"empty observer", []runner.Observer{{
			Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context { return ctx },
			Started:  func(ctx context.Context, _ runner.StartedInfo) context.Context { return ctx },
			Finished: func(context.Context, runner.FinishedInfo) {},
		}}},
		// Without an SDK and with a silent logger: in effect, metrics only.
		{"noop tracer", []runner.Observer{observer(b, noop.NewTracerProvider())}},
		{"SDK unsampled", []runner.Observer{observer(b, sdk(sdktrace.NeverSample()))}},
		{"SDK sampled", []runner.Observer{observer(b, sdk(sdktrace.AlwaysSample()))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r, err := runner.New(runner.Config{Workers: 4, Overflow: runner.Block, Observers: c.observers})
			require.NoError(b, err)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Go(ctx, "order.email", succeed); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			_, err = r.Shutdown(context.Background())
			require.NoError(b, err)
		})
	}
}

// BenchmarkEvents is the observer's own cost for one callback, without the
// runner: asked for, started, finished.
func BenchmarkEvents(b *testing.B) {
	o := observer(b, noop.NewTracerProvider())
	ctx := b.Context()
	now := time.Now()
	accepted := runner.AcceptedInfo{Callback: runner.Callback{Runner: "default", Name: "order.email", Asked: now}}
	started := runner.StartedInfo{Callback: accepted.Callback, AfterResponse: true, Released: now, Due: now, Started: now, Attempt: 1}
	finished := runner.FinishedInfo{StartedInfo: started, Outcome: runner.Success, Finished: now}
	within := o.Started(ctx, started)
	for _, c := range []struct {
		name string
		call func()
	}{
		{"accepted", func() { o.Accepted(ctx, accepted) }},
		{"started", func() { o.Started(ctx, started) }},
		{"finished", func() { o.Finished(within, finished) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.call()
			}
		})
	}
}

// BenchmarkScrape is one scrape of a runner with a hundred names.
func BenchmarkScrape(b *testing.B) {
	g := newRig(b, nil)
	r := g.runner(runner.Config{})
	for i := range 100 {
		require.NoError(b, r.Go(b.Context(), "callback."+string(rune('0'+i/10))+string(rune('0'+i%10)), succeed))
	}
	g.shutdown(r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

func observer(b *testing.B, provider trace.TracerProvider) runner.Observer {
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: provider,
		Registerer:     prometheus.NewRegistry(),
		Logger:         slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	return tel.Observer()
}
