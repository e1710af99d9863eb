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

// newAskStart makes what the ask spans of a name have in common.
func newAskStart(runnerName, name string) *spanStart {
	return newSpanStart(names.SpanAsk, runnerName, name, trace.SpanKindProducer)
}

// startAsk starts the ask span of a callback that is accepted or rejected right
// now.
func (t *tracing) startAsk(ctx context.Context, e entry, cb runner.Callback) (context.Context, trace.Span) {
	start := e.callback.askStart
	if e.folded {
		start = newAskStart(cb.Runner, cb.Name)
	}
	options := append(make([]trace.SpanStartOption, 0, len(start.options)+1), start.options...)
	return t.start(ctx, start.name, append(options, trace.WithTimestamp(cb.Asked))...)
}

// askAccepted makes the whole ask span of an accepted callback. It is current in
// the context that is returned.
func (t *tracing) askAccepted(ctx context.Context, e entry, info *runner.AcceptedInfo) (_ context.Context, site callSite) {
	asked, span := t.startAsk(ctx, e, info.Callback)
	if span.IsRecording() {
		defer span.End()
		site = t.sites.here()
		span.SetAttributes(attribute.Int(names.AttrQueueDepth, info.Depth), attribute.Int(names.AttrQueueCapacity, info.Capacity))
		span.SetAttributes(t.sites.attrs(site)...)
	}
	if !span.SpanContext().IsValid() { // Nothing could refer to it.
		return ctx, site
	}
	return asked, site
}

// askRejected makes the whole ask span of a rejected callback.
func (t *tracing) askRejected(ctx context.Context, e entry, info *runner.RejectedInfo, why *failure) {
	_, span := t.startAsk(ctx, e, info.Callback)
	if !span.IsRecording() {
		return
	}
	defer span.End()
	span.SetAttributes(
		attribute.String(names.AttrOutcome, runner.Rejected.String()),
		attribute.String(names.AttrReason, string(info.Reason)),
		semconv.ErrorTypeKey.String(why.kind()))
	span.SetAttributes(t.sites.attrs(t.sites.here())...)
	span.SetStatus(codes.Error, bounded(why.text(), maxStatus))
}
