package pool

import (
	"context"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Part is something that a sampled callback pays for, alone. The function end
// ends what once uses. What cannot be done alone is the difference to Less.
type Part struct {
	Name string
	New  func() (once, end func())
	Less func() (once, end func()) // nil: nothing
}

// The parts.
const (
	PartCaller    = "the runtime's walk to the third call up the stack"
	PartUnsampled = "SDK, an unsampled span with a link"
	PartSampled   = "SDK, a sampled span with a link and eight attributes"
	PartEvent     = "SDK, the same, and an event on the request's span"
)

// Parts lists all.
func Parts() []Part {
	return []Part{
		{Name: PartLine, New: askedBy(true), Less: askedBy(false)},
		{Name: PartCaller, New: callers},
		{Name: PartUnsampled, New: func() (func(), func()) { return span(Unsampled, false) }},
		{Name: PartSampled, New: func() (func(), func()) { return span(Sampled, false) }},
		{Name: PartEvent, New: func() (func(), func()) { return span(Sampled, true) }},
	}
}

func nothing() {}

// deep calls f so many calls down the stack.
func deep(calls int, f func()) {
	if calls > 0 {
		deep(calls-1, f)
		return
	}
	f()
}

func callers() (func(), func()) {
	var pcs [1]uintptr
	return func() { deep(10, func() { runtime.Callers(3, pcs[:]) }) }, nothing
}

// span is a span as package telemetry makes it of a callback, by the SDK's own
// calls and with options that are made beforehand where they can be.
func span(t Telemetry, event bool) (func(), func()) {
	r := newTracing(t)
	ctx, request := r.tracer.Start(context.Background(), "POST /orders")
	common := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("runner", "default"), attribute.String("callback", Name)),
	}
	attributes := []attribute.KeyValue{
		attribute.String("outcome", "success"), attribute.Float64("queue_wait", 0.001), attribute.Float64("timeout", 30),
		attribute.String("function", "main.order"), attribute.String("file", "main.go"), attribute.Int("line", 1),
	}
	asked := 0
	once := func() {
		if asked++; asked%TasksPerRequest == 0 { // the SDK keeps so many events
			request.End()
			ctx, request = r.tracer.Start(context.Background(), "POST /orders")
		}
		if event {
			request.AddEvent("scheduled", trace.WithAttributes(attribute.String("runner", "default"), attribute.String("callback", Name)))
		}
		_, s := r.tracer.Start(ctx, "process", append(common[:len(common):len(common)],
			trace.WithTimestamp(time.Now()), trace.WithLinks(trace.Link{SpanContext: request.SpanContext()}))...)
		if s.IsRecording() {
			s.SetAttributes(attributes...)
			s.End(trace.WithTimestamp(time.Now()))
		}
	}
	return once, func() { request.End(); r.close() }
}
