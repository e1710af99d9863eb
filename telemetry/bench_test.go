package telemetry_test

import (
	"log/slog"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// BenchmarkEvents is the observer's own cost for one callback, without the
// runner: asked for, started, finished.
func BenchmarkEvents(b *testing.B) {
	g := newRig(b, func(cfg *telemetry.Config) {
		cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
		cfg.Logger = slog.New(slog.DiscardHandler)
	})
	o := g.tel.Observer()
	ctx := b.Context()
	now := time.Now()
	accepted := runner.AcceptedInfo{Callback: runner.Callback{Runner: "default", Name: "order.email", Asked: now}}
	started := runner.StartedInfo{Callback: accepted.Callback, AskedAfter: true, Released: now, Due: now, Started: now, Attempt: 1}
	finished := runner.FinishedInfo{StartedInfo: started, Outcome: runner.OutcomeSuccess, Finished: now}
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
