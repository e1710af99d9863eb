package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// requestKey finds the trace of a request that another process has had.
type requestKey struct{}

// RequestTraceID returns the id of the request's trace, through any number of nested callbacks; "" if
// there is none. It is for what goes on in another process, where [ContextWithRequestTraceID] takes it.
func RequestTraceID(ctx context.Context) string {
	var id trace.TraceID
	if p, ok := ctx.Value(anyProcess{}).(*process); ok {
		id = p.request
	} else {
		id = requestOf(ctx)
	}
	if !id.IsValid() {
		return ""
	}
	return id.String()
}

// ContextWithRequestTraceID returns a context whose callbacks name the trace of a request of
// another process, on their spans and in their records. An id that is none changes nothing.
func ContextWithRequestTraceID(ctx context.Context, id string) context.Context {
	parsed, err := trace.TraceIDFromHex(id)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, requestKey{}, parsed)
}

// requestOf returns the trace of a request in whose context no callback has been asked for yet.
func requestOf(ctx context.Context) trace.TraceID {
	if id, ok := ctx.Value(requestKey{}).(trace.TraceID); ok {
		return id
	}
	return trace.SpanContextFromContext(ctx).TraceID()
}
