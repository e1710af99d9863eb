package main

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// inSpan calls something outside of this program, such as a database or a mail server,
// in a span of kind client. It has one for each: if a callback is slow, the longest
// child of its span is the culprit.
func inSpan(ctx context.Context, tracer trace.Tracer, name string, call func(context.Context) error, attrs ...attribute.KeyValue) error {
	ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	defer span.End()
	err := call(ctx)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		span.SetAttributes(semconv.ErrorType(err))
	}
	return err
}
