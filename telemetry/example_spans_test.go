package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// The mail belongs to the request's trace, everything else has a trace of its
// own; and that it was asked for is a span as well.
func ExampleConfig_relationFor() {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: provider,
		Registerer:     prometheus.NewRegistry(),
		Logger:         slog.New(slog.DiscardHandler),
		AskSpans:       true,
		RelationFor: func(_, callback string) telemetry.Relation {
			if callback == "order.email" {
				return telemetry.Child
			}
			return telemetry.Link
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := runner.New(runner.Config{Name: "shop", Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, request := provider.Tracer("server").Start(context.Background(), "POST /api/orders")
	ctx, release := r.Scope(ctx) // Middleware does this for a request
	done := func(context.Context) error { return nil }
	if err := errors.Join(r.After(ctx, "order.email", done), r.After(ctx, "order.webhook", done)); err != nil {
		fmt.Println(err)
	}
	request.End()
	release(nil)
	if _, err := r.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}

	name := make(map[string]string)
	for _, s := range exporter.GetSpans() {
		name[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range exporter.GetSpans() {
		fmt.Print(s.Name)
		if s.Parent.IsValid() {
			fmt.Print(", child of ", name[s.Parent.SpanID().String()])
		}
		for _, l := range s.Links {
			fmt.Print(", linked to ", name[l.SpanContext.SpanID().String()])
		}
		fmt.Println()
	}
	// Unordered output:
	// ask order.email, child of POST /api/orders
	// ask order.webhook, child of POST /api/orders
	// POST /api/orders
	// process order.email, child of ask order.email
	// process order.webhook, linked to ask order.webhook
	// drain shop
}
