package pool

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// Name is the callback's, and in the instrumentation by hand the task's.
const Name = "order.email"

// Observed is a runner with as much telemetry as is measured.
type Observed struct {
	*runner.Runner
	tracing *tracing
}

// NewObserved adds the observer of that telemetry to cfg. Its log is discarded:
// nobody here is measured with a log.
func NewObserved(cfg runner.Config, t Telemetry) Observed {
	o := Observed{tracing: newTracing(t)}
	if t != TelemetryOff {
		tel, err := telemetry.New(telemetry.Config{
			TracerProvider: o.tracing.provider,
			Registerer:     prometheus.NewRegistry(),
			Logger:         slog.New(slog.DiscardHandler),
		})
		must(err)
		cfg.Observers = append(cfg.Observers, tel.Observer())
	}
	var err error
	o.Runner, err = runner.New(cfg)
	must(err)
	return o
}

// Request is the context of a request, and a function that ends it.
func (o Observed) Request() (context.Context, func()) { return o.tracing.request() }

// Close drains the runner and flushes its spans.
func (o Observed) Close() {
	_, err := o.Shutdown(context.Background())
	must(err)
	o.tracing.close()
}

// afterglow is the runner as a pool: its callbacks are due at once.
type afterglow struct{ Observed }

func newRunner(s Size) Pool { return newAfterglow(s, TelemetryOff) }

func withTelemetry(t Telemetry) func(Size) Pool {
	return func(s Size) Pool { return newAfterglow(s, t) }
}

func newAfterglow(s Size, t Telemetry) Pool {
	return afterglow{NewObserved(runner.Config{
		Workers: s.Workers,
		Queue:   s.Queue,
		Timeout: Timeout,
		// A producer that was refused after a second would count as lost work.
		Overflow: runner.Block,
		MaxWait:  Timeout,
	}, t)}
}

func (p afterglow) Prepare(task func()) Submit {
	run := func(context.Context) error { task(); return nil }
	return func(ctx context.Context) { must(p.Go(ctx, Name, run)) }
}
