package pool

import (
	"context"
	"runtime"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// PartLine and PartNoLine are the same, but telemetry looks for the line that
// asked only in the first. The difference is what the line costs.
const (
	PartLine   = "a callback asked for by a span that records, which costs nothing itself"
	PartNoLine = "a callback asked for by a span that does not, and the same event by hand"
)

// askedBy asks for callbacks ten calls down the stack. One processor makes the
// time that of everything that is done, by the asker and by the workers.
func askedBy(records bool) func() (func(), func()) {
	return func() (func(), func()) {
		processors := runtime.GOMAXPROCS(1)
		// The provider is not package noop's, which telemetry would recognize.
		o := observe(blocking(Size{Workers: 8, Queue: 1024}), &tracing{provider: quietProvider{}}, true)
		asker := quietSpan{records: records, of: trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
		})}
		ctx := trace.ContextWithSpan(context.Background(), asker)
		pool := scoped{o}
		submit := pool.Prepare(nothing)
		var deep func(ctx context.Context, calls int)
		deep = func(ctx context.Context, calls int) {
			if calls > 0 {
				deep(ctx, calls-1)
				return
			}
			submit(ctx)
		}
		return func() {
			ctx, release := pool.Open(ctx)
			if !records {
				trace.SpanFromContext(ctx).AddEvent("asked for", trace.WithAttributes(
					attribute.String("runner", "default"), attribute.String("callback", Name)))
			}
			deep(ctx, 10)
			release()
		}, func() { o.Close(); runtime.GOMAXPROCS(processors) }
	}
}

// quietSpan keeps nothing.
type quietSpan struct {
	noop.Span
	of      trace.SpanContext
	records bool
}

func (s quietSpan) SpanContext() trace.SpanContext { return s.of }
func (s quietSpan) IsRecording() bool              { return s.records }

// quietProvider makes spans that do not record.
type quietProvider struct{ noop.TracerProvider }

func (quietProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return quietTracer{} }

type quietTracer struct{ noop.Tracer }

func (quietTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	span := quietSpan{of: trace.SpanContextFromContext(ctx)}
	return trace.ContextWithSpan(ctx, span), span
}
