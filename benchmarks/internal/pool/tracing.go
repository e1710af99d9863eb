package pool

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Telemetry is how much is recorded of each task.
type Telemetry uint8

// From nothing to everything. With MetricsOnly the instrumentation by hand has
// no code for spans at all; Afterglow, which has no such switch, gets the no-op
// provider and requests without a span.
const (
	TelemetryOff Telemetry = iota
	MetricsOnly
	NoopTracer
	Unsampled
	Sampled
)

// Telemetries lists those that record something.
func Telemetries() []Telemetry { return []Telemetry{MetricsOnly, NoopTracer, Unsampled, Sampled} }

func (t Telemetry) String() string {
	return [...]string{"bare", "metrics only", "metrics + no-op tracer", "metrics + SDK unsampled", "metrics + SDK sampled"}[t]
}

// Requester is a Pool whose tasks should be asked for in the context of a
// request. The function ends the request.
type Requester interface {
	Request() (context.Context, func())
}

// Request begins a request to p. A pool that is no Requester knows none.
func Request(p Pool) (context.Context, func()) {
	if r, ok := p.(Requester); ok {
		return r.Request()
	}
	return context.Background(), func() {}
}

// TasksPerRequest is how many tasks are asked for in one request: fewer than
// the SDK keeps events of, and so many that the request's own span costs
// nothing by comparison. TasksPerScope is how many of them share a scope, as
// the three of a handler do.
const (
	TasksPerRequest = 33 * TasksPerScope
	TasksPerScope   = 3
)

// tracing is a tracer provider in the state that is measured.
type tracing struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
	sdk      *sdktrace.TracerProvider // nil without
	spans    bool                     // whether requests have a span
}

func newTracing(t Telemetry) *tracing {
	r := &tracing{spans: t >= NoopTracer}
	switch t {
	case Unsampled:
		r.sdk = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	case Sampled:
		r.sdk = sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{}))
	}
	r.provider = noop.NewTracerProvider()
	if r.sdk != nil {
		r.provider = r.sdk
	}
	r.tracer = r.provider.Tracer("github.com/afterglow-go/afterglow/benchmarks")
	return r
}

func (r *tracing) request() (context.Context, func()) {
	if !r.spans {
		return context.Background(), func() {}
	}
	ctx, span := r.tracer.Start(context.Background(), "POST /orders", trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func() { span.End() }
}

func (r *tracing) close() {
	if r.sdk != nil {
		must(r.sdk.Shutdown(context.Background()))
	}
}

// discard is an exporter that drops what the batch processor has gathered.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

func (discard) Shutdown(context.Context) error { return nil }
