package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// process is what is known of a callback from its start to its end. It travels
// in the callback's context, and is that context's link to it: one allocation
// serves as both.
type process struct {
	context.Context
	key     processKey
	span    trace.Span        // nil if it could not be started; written before the callback starts
	request trace.SpanContext // of the first asker; the zero value if that had none
}

// processKey finds the processes of one Telemetry in a context. Each has its
// own key, so that a runner can be observed by several.
type processKey struct{ owner *tracing }

// begin begins a process whose asker's context is ctx.
func (k processKey) begin(ctx context.Context) *process {
	return &process{Context: ctx, key: k, request: k.request(ctx)}
}

// from returns the innermost process of ctx, or nil. In an event that comes
// before Started, that is the callback which asked for this one.
func (k processKey) from(ctx context.Context) *process {
	p, _ := ctx.Value(k).(*process)
	return p
}

// request returns the span context of the request behind ctx: a nested
// callback has that of the callback which asked for it.
func (k processKey) request(ctx context.Context) trace.SpanContext {
	if p := k.from(ctx); p != nil {
		return p.request
	}
	return trace.SpanContextFromContext(ctx)
}

// anyProcess finds the innermost process of a context, whichever Telemetry's.
type anyProcess struct{}

// Value finds the process itself; everything else is its parent's.
func (p *process) Value(key any) any {
	if key == (anyProcess{}) {
		return p
	}
	if k, ok := key.(processKey); ok && k == p.key {
		return p
	}
	return p.Context.Value(key)
}

// spanContext is that of the process span; the zero value if there is none.
func (p *process) spanContext() trace.SpanContext {
	if p == nil || p.span == nil {
		return trace.SpanContext{}
	}
	return p.span.SpanContext()
}
