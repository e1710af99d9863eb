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

// write adds what every record of a callback carries.
func (l *logging) write(ctx context.Context, level slog.Level, message string, cb runner.Callback, attrs ...slog.Attr) {
	all := append(make([]slog.Attr, 0, 5+len(attrs)), slog.String(KeyRunner, cb.Runner), slog.String(KeyCallback, cb.Name))
	all = append(all, l.traceOf(ctx)...)
	if request := l.processes.request(ctx); request.HasTraceID() {
		all = append(all, slog.String(KeyRequestTraceID, request.TraceID().String()))
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
