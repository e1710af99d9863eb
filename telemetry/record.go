package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// finishedRecord is the level and message for an outcome.
func finishedRecord(o runner.Outcome) (slog.Level, string) {
	switch o {
	case runner.Failed:
		return slog.LevelError, LogFailed
	case runner.Panicked:
		return slog.LevelError, LogPanicked
	case runner.TimedOut:
		return slog.LevelWarn, LogTimedOut
	case runner.Canceled:
		return slog.LevelWarn, LogCanceled
	case runner.Dropped:
		return slog.LevelWarn, LogDropped
	case runner.Abandoned:
		return slog.LevelWarn, LogAbandoned
	default:
		return slog.LevelDebug, LogFinished
	}
}

// endOf is what the record of an end says.
func endOf(info *runner.FinishedInfo, why *failure, notes []slog.Attr) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 14), slog.String(KeyOutcome, info.Outcome.String()))
	attrs = append(attrs, notes...)
	attrs = append(attrs, slog.Float64(KeyAge, info.Finished.Sub(info.Asked).Seconds()))
	if !info.Started.IsZero() {
		attrs = append(attrs,
			slog.Float64(KeyQueueWait, info.QueueWait().Seconds()),
			slog.Float64(KeyDuration, info.Duration().Seconds()))
		if info.AfterResponse {
			attrs = append(attrs, slog.Float64(KeyResponseDelay, info.ResponseDelay().Seconds()))
		}
	}
	if info.Timeout > 0 {
		attrs = append(attrs, slog.Float64(KeyTimeout, info.Timeout.Seconds()))
	}
	if info.Attempt > 1 {
		attrs = append(attrs, slog.Int(KeyAttempt, info.Attempt))
	}
	if info.Stack != "" {
		attrs = append(attrs, slog.String(KeyStack, bounded(info.Stack, maxStack)))
	}
	switch {
	case info.Outcome == runner.Panicked:
		for _, a := range why.exception() {
			attrs = append(attrs, slog.String(string(a.Key), a.Value.AsString()))
		}
	case info.Err != nil:
		attrs = append(attrs,
			slog.String(KeyErrorType, why.kind()),
			slog.String(KeyError, why.text()))
	}
	return attrs
}

// write adds what every record of a callback carries.
func (l *logging) write(ctx context.Context, level slog.Level, message string, cb runner.Callback, attrs ...slog.Attr) {
	all := append(make([]slog.Attr, 0, 5+len(attrs)), slog.String(KeyRunner, cb.Runner), slog.String(KeyCallback, cb.Name))
	all = append(all, l.traceOf(ctx)...)
	if request := l.processes.request(ctx); request.IsValid() {
		all = append(all, slog.String(KeyRequestTraceID, request.String()))
	}
	l.logger.LogAttrs(ctx, level, message, append(all, attrs...)...) //nolint:sloglint // every caller passes a constant of names.go
}

// traceOf is the trace and span of ctx, if it has any and the handler does not
// take them from the context itself.
func (l *logging) traceOf(ctx context.Context) []slog.Attr {
	sc := trace.SpanContextFromContext(ctx)
	if l.omitIDs || !sc.IsValid() {
		return nil
	}
	return []slog.Attr{slog.String(KeyTraceID, sc.TraceID().String()), slog.String(KeySpanID, sc.SpanID().String())}
}
