package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// startAsk starts the ask span of a callback that is accepted or rejected right
// now.
func (t *tracing) startAsk(ctx context.Context, cb runner.Callback) (context.Context, trace.Span) {
	start := newSpanStart(names.SpanAsk, cb.Runner, cb.Name, trace.SpanKindProducer)
	options := append(make([]trace.SpanStartOption, 0, len(start.options)+1), start.options...)
	return t.start(ctx, start.name, append(options, trace.WithTimestamp(cb.Asked))...)
}

// askAccepted makes the whole ask span of an accepted callback, and returns it with
// the context in which it is current.
func (t *tracing) askAccepted(ctx context.Context, asker trace.Span, info *runner.AcceptedInfo) (context.Context, trace.Span) {
	asked, span := t.startAsk(ctx, info.Callback)
	if span.IsRecording() {
		defer span.End()
		span.SetAttributes(attribute.Int(names.AttrQueueDepth, info.Depth), attribute.Int(names.AttrQueueCapacity, info.Capacity))
		t.describeAsk(span, &info.Callback, info.Caller)
	}
	if !span.SpanContext().IsValid() { // Nothing could refer to it.
		return ctx, asker
	}
	return asked, span
}

// describeAsk says on an ask span what callback it is of, beside the names that it was
// started with, which function that runs, and where that was asked for.
func (t *tracing) describeAsk(span trace.Span, cb *runner.Callback, caller uintptr) {
	if cb.Ref != "" {
		span.SetAttributes(attribute.String(names.AttrRef, cb.Ref))
	}
	span.SetAttributes(t.functions.of(cb).attrs...)
	span.SetAttributes(t.sites.attrs(callSite(caller))...)
}

// askRejected makes the whole ask span of a rejected callback.
func (t *tracing) askRejected(ctx context.Context, info *runner.RejectedInfo, why *failure) {
	_, span := t.startAsk(ctx, info.Callback)
	if !span.IsRecording() {
		return
	}
	defer span.End()
	span.SetAttributes(
		attribute.String(names.AttrOutcome, runner.OutcomeRejected.String()),
		attribute.String(names.AttrReason, info.Reason.String()),
		semconv.ErrorTypeKey.String(why.kind()))
	t.describeAsk(span, &info.Callback, info.Caller)
	span.SetStatus(codes.Error, bounded(why.text(), maxStatus))
}
