package sampling_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/sampling"
)

// One of a hundred requests is sampled, and with it the callbacks that it asks
// for. A callback without a request is sampled by itself.
func ExampleLinked() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(
		sdktrace.ParentBased(sampling.Linked(sdktrace.TraceIDRatioBased(0.01)))))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: provider,
		Registerer:     prometheus.NewRegistry(),
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		fmt.Println(err)
		return
	}

	server := provider.Tracer("server")
	requests, callbacks, apart := 0, 0, 0
	for range 1000 {
		ctx, request := server.Start(context.Background(), "POST /api/orders")
		ctx, release := r.Scope(ctx)
		err := runner.After(ctx, "order.email", func(ctx context.Context) error {
			sampled := trace.SpanContextFromContext(ctx).IsSampled()
			if sampled {
				callbacks++
			}
			if sampled != request.SpanContext().IsSampled() {
				apart++
			}
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
		if request.SpanContext().IsSampled() {
			requests++
		}
		request.End()
		release(nil)
		if err := runner.Wait(ctx); err != nil {
			fmt.Println(err)
		}
	}
	if _, err := r.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println("as many callbacks as requests are sampled:", callbacks == requests)
	fmt.Println("links to or from a span that is not sampled:", apart)
	// Output:
	// as many callbacks as requests are sampled: true
	// links to or from a span that is not sampled: 0
}
