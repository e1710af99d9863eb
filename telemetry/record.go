package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// finishedRecord is the level and message for an outcome.
func finishedRecord(o runner.Outcome) (slog.Level, string) {
	switch o {
	case runner.OutcomeError:
		return slog.LevelError, names.LogFailed
	case runner.OutcomePanic:
		return slog.LevelError, names.LogPanicked
	case runner.OutcomeTimeout:
		return slog.LevelWarn, names.LogTimedOut
	case runner.OutcomeCanceled:
		return slog.LevelWarn, names.LogCanceled
	case runner.OutcomeDropped:
		return slog.LevelWarn, names.LogDropped
	case runner.OutcomeAbandoned:
		return slog.LevelWarn, names.LogAbandoned
	default:
		return slog.LevelDebug, names.LogFinished
	}
}

// endOf is what the record of an end says.
func endOf(info *runner.FinishedInfo, why *failure, notes []slog.Attr) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 14), slog.String(names.KeyOutcome, info.Outcome.String()))
	attrs = append(attrs, notes...)
	attrs = append(attrs, slog.Float64(names.KeyAge, info.Finished.Sub(info.Asked).Seconds()))
	if !info.Started.IsZero() {
		attrs = append(attrs,
			slog.Float64(names.KeyQueueWait, info.QueueWait().Seconds()),
			slog.Float64(names.KeyDuration, info.Duration().Seconds()))
		if info.AskedAfter {
			attrs = append(attrs, slog.Float64(names.KeyResponseDelay, info.ResponseDelay().Seconds()))
		}
	}
	if info.Timeout > 0 {
		attrs = append(attrs, slog.Float64(names.KeyTimeout, info.Timeout.Seconds()))
	}
	if info.Attempt > 1 {
		attrs = append(attrs, slog.Int(names.KeyAttempt, info.Attempt))
	}
	if info.Stack != "" {
		attrs = append(attrs, slog.String(names.KeyStack, bounded(info.Stack, maxStack)))
	}
	switch {
	case info.Outcome == runner.OutcomePanic:
		for _, a := range why.exception() {
			attrs = append(attrs, slog.String(string(a.Key), a.Value.AsString()))
		}
	case info.Err != nil:
		attrs = append(attrs,
			slog.String(names.KeyErrorType, why.kind()),
			slog.String(names.KeyError, why.text()))
	}
	return attrs
}

// write adds what every record of a callback carries.
func (l *logging) write(ctx context.Context, level slog.Level, message string, cb runner.Callback, attrs ...slog.Attr) {
	all := append(make([]slog.Attr, 0, 7+len(attrs)), slog.String(names.KeyRunner, cb.Runner), slog.String(names.KeyCallback, cb.Name))
	if cb.Ref != "" {
		all = append(all, slog.String(names.KeyRef, cb.Ref))
	}
	all = append(all, l.traceOf(ctx)...)
	if request := l.processes.request(ctx); request.IsValid() {
		all = append(all, slog.String(names.KeyRequestTraceID, request.String()))
	}
	all = append(all, attrs...)
	if text := l.functions.of(&cb).text; text != "" {
		all = append(all, slog.String(names.KeyFunction, text))
	}
	l.logger.LogAttrs(ctx, level, message, all...) //nolint:sloglint // every caller passes a constant of package names
}

// traceOf is the trace and span of ctx, if it has any and the handler does not
// take them from the context itself.
func (l *logging) traceOf(ctx context.Context) []slog.Attr {
	sc := trace.SpanContextFromContext(ctx)
	if l.omitIDs || !sc.IsValid() {
		return nil
	}
	return []slog.Attr{slog.String(names.KeyTraceID, sc.TraceID().String()), slog.String(names.KeySpanID, sc.SpanID().String())}
}
