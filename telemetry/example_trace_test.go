package telemetry_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// withSpan returns a context with the span of a request that another process has sent.
func withSpan() context.Context {
	return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0x4b, 0xf9}, SpanID: trace.SpanID{0xf0}, TraceFlags: trace.FlagsSampled,
	}))
}

// Without settings, spans go to the global tracer provider, metrics to the default registry, and
// records to slog's default logger. A program with several of them sets each.
func ExampleNew() {
	tel, err := telemetry.New(telemetry.Config{
		Registerer: prometheus.NewRegistry(),
		Logger:     slog.New(slog.DiscardHandler),
		Relation:   telemetry.ChildAndLink, // a callback's span is in the request's trace
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
	_ = r.Go(context.Background(), "order.email", func(context.Context) error { return nil })
	_, err = r.Shutdown(context.Background())
	fmt.Println(r.Stats().Outcomes, err)
	// Output: 1 success <nil>
}

// A drain's report names the traces of what it has lost.
func ExampleTraceID() {
	fmt.Println(telemetry.TraceID(withSpan()))
	fmt.Printf("%q\n", telemetry.TraceID(context.Background()))
	// Output:
	// 4bf90000000000000000000000000000
	// ""
}

// Records of a program's own have the ids of the trace in their context.
func ExampleNewTraceHandler() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	log := slog.New(telemetry.NewTraceHandler(handler))
	log.InfoContext(withSpan(), "mail sent", "order", 7)
	// Output: level=INFO msg="mail sent" order=7 trace_id=4bf90000000000000000000000000000 span_id=f000000000000000
}

// A queue of your own hands the request's trace to another process.
func ExampleContextWithRequestTraceID() {
	ctx := telemetry.ContextWithRequestTraceID(context.Background(), "4bf90000000000000000000000000000") // as the job carries it
	fmt.Println(telemetry.RequestTraceID(ctx))
	// Output: 4bf90000000000000000000000000000
}

// In a callback, and in those that it asks for, it is the trace of the request that came first.
func ExampleRequestTraceID() {
	fmt.Printf("%q\n", telemetry.RequestTraceID(context.Background())) // no request
	ctx, cancel := context.WithCancel(telemetry.ContextWithRequestTraceID(context.Background(), "4bf90000000000000000000000000000"))
	defer cancel()
	fmt.Println(telemetry.RequestTraceID(ctx)) // of a context that is derived, too
	// Output:
	// ""
	// 4bf90000000000000000000000000000
}
