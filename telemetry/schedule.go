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

// newScheduleStart makes what the schedule spans of a name have in common.
func newScheduleStart(runnerName, name string) *spanStart {
	return newSpanStart(names.SpanSchedule, runnerName, name, trace.SpanKindProducer)
}

// schedule starts the schedule span of a callback that is accepted or refused
// right now.
func (t *tracing) schedule(ctx context.Context, e entry, cb runner.Callback) (context.Context, trace.Span) {
	start := e.callback.scheduleStart
	if e.folded {
		start = newScheduleStart(cb.Runner, cb.Name)
	}
	options := append(make([]trace.SpanStartOption, 0, len(start.options)+1), start.options...)
	return t.start(ctx, start.name, append(options, trace.WithTimestamp(cb.Asked))...)
}

// scheduled makes the whole schedule span of an accepted callback, which
// becomes current in the context that is returned.
func (t *tracing) scheduled(ctx context.Context, e entry, info *runner.AcceptedInfo) (_ context.Context, site callSite) {
	scheduled, span := t.schedule(ctx, e, info.Callback)
	if span.IsRecording() {
		defer span.End()
		site = t.sites.here()
		span.SetAttributes(attribute.Int(names.AttrQueueDepth, info.Depth), attribute.Int(names.AttrQueueCapacity, info.Capacity))
		span.SetAttributes(t.sites.attrs(site)...)
	}
	if !span.SpanContext().IsValid() { // Nothing could refer to it.
		return ctx, site
	}
	return scheduled, site
}

// refused makes the whole schedule span of a refused callback.
func (t *tracing) refused(ctx context.Context, e entry, info *runner.RejectedInfo, why *failure) {
	_, span := t.schedule(ctx, e, info.Callback)
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
