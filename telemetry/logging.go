package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// logging writes a record of what a person should know. Every record is
// checked with Enabled before anything of it is computed.
type logging struct {
	logger    *slog.Logger
	processes processKey
	maxNames  int       // of the catalog, for the record that says so
	start     time.Time // the limiters count from here
}

// runnerLogs is what logging keeps for one runner.
type runnerLogs struct {
	rejections, evictions, slowStarts, retries limiter
	foldingTold                                atomic.Bool
}

const (
	// slowStart is the queue wait from which a start is worth a record.
	slowStart = time.Second
	// maxLostNames bounds what one record says about a drain; every lost
	// callback has a record of its own besides.
	maxLostNames = 20
)

func newLogging(cfg Config, processes processKey) *logging {
	return &logging{logger: cfg.Logger, processes: processes, maxNames: cfg.MaxNames, start: time.Now()}
}

// asked warns once that names are folded.
func (l *logging) asked(ctx context.Context, e entry, cb runner.Callback) {
	if !e.folded || e.runner.foldingTold.Load() || !e.runner.foldingTold.CompareAndSwap(false, true) {
		return
	}
	if l.logger.Enabled(ctx, slog.LevelWarn) {
		l.write(ctx, slog.LevelWarn, LogNamesFolded, cb, slog.Int(KeyMaxNames, l.maxNames))
	}
}

func (l *logging) rejected(ctx context.Context, e entry, info runner.RejectedInfo) {
	if !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	if n, ok := e.runner.rejections.allow(time.Since(l.start)); ok {
		l.write(ctx, slog.LevelWarn, LogRejected, info.Callback,
			slog.String(KeyReason, string(info.Reason)),
			slog.String(KeyError, textOf(info.Err, maxError)),
			slog.Int64(KeySuppressed, n))
	}
}

func (l *logging) started(ctx context.Context, e entry, info runner.StartedInfo) {
	if info.QueueWait() <= slowStart || !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	if n, ok := e.runner.slowStarts.allow(time.Since(l.start)); ok {
		l.write(ctx, slog.LevelWarn, LogSlowStart, info.Callback,
			slog.Float64(KeyQueueWait, info.QueueWait().Seconds()),
			slog.Int64(KeySuppressed, n))
	}
}

func (l *logging) retried(ctx context.Context, e entry, info runner.RetriedInfo) {
	l.overranEnded(ctx, info.StartedInfo, info.Overran, info.Duration())
	if !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	if n, ok := e.runner.retries.allow(time.Since(l.start)); ok {
		l.write(ctx, slog.LevelWarn, LogRetried, info.Callback,
			slog.Int(KeyAttempt, info.Attempt),
			slog.Float64(KeyWait, info.Wait.Seconds()),
			slog.Float64(KeyDuration, info.Duration().Seconds()),
			slog.String(KeyErrorType, errorTypeOf(info.Outcome, info.Err)),
			slog.String(KeyError, textOf(info.Err, maxError)),
			slog.Int64(KeySuppressed, n))
	}
}

// overran is not limited: the runner lends few workers before it refuses.
func (l *logging) overran(ctx context.Context, info runner.OverrunInfo) {
	if l.logger.Enabled(ctx, slog.LevelError) {
		l.write(ctx, slog.LevelError, LogOverran, info.Callback,
			slog.Float64(KeyDuration, info.Ran.Seconds()),
			slog.Float64(KeyTimeout, info.Timeout.Seconds()),
			slog.String(KeyStack, bounded(info.Stack, maxStack)))
	}
}

// overranEnded tells that what overran came to its end at last.
func (l *logging) overranEnded(ctx context.Context, info runner.StartedInfo, overran bool, ran time.Duration) {
	if overran && l.logger.Enabled(ctx, slog.LevelInfo) {
		l.write(ctx, slog.LevelInfo, LogOverranEnded, info.Callback, slog.Float64(KeyDuration, ran.Seconds()))
	}
}

func (l *logging) finished(ctx context.Context, e entry, info runner.FinishedInfo) {
	l.overranEnded(ctx, info.StartedInfo, info.Overran && info.Outcome != runner.Abandoned, info.Duration())
	level, message := finishedRecord(info.Outcome)
	if !l.logger.Enabled(ctx, level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 14), slog.String(KeyOutcome, info.Outcome.String()))
	if info.Outcome == runner.Dropped && errors.Is(info.Err, runner.ErrEvicted) {
		n, ok := e.runner.evictions.allow(time.Since(l.start))
		if !ok {
			return
		}
		attrs = append(attrs, slog.Int64(KeySuppressed, n))
	}
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
		for _, a := range exceptionOf(info.Outcome, info.Err) {
			attrs = append(attrs, slog.String(string(a.Key), a.Value.AsString()))
		}
	case info.Err != nil:
		attrs = append(attrs,
			slog.String(KeyErrorType, errorTypeOf(info.Outcome, info.Err)),
			slog.String(KeyError, textOf(info.Err, maxError)))
	}
	l.write(ctx, level, message, info.Callback, attrs...)
}

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

func (l *logging) drainStarted(ctx context.Context, info runner.DrainInfo) {
	if !l.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, LogDrainStarted, append(traceOf(ctx),
		slog.String(KeyRunner, info.Runner),
		slog.Int(KeyReserved, info.Reserved),
		slog.Int(KeyQueued, info.Queued),
		slog.Int(KeyPaused, info.Paused),
		slog.Int(KeyRunning, info.Running))...)
}

func (l *logging) drainFinished(ctx context.Context, report runner.Report) {
	level := slog.LevelInfo
	if len(report.Lost) > 0 {
		level = slog.LevelWarn
	}
	if !l.logger.Enabled(ctx, level) {
		return
	}
	attrs := append(traceOf(ctx),
		slog.String(KeyRunner, report.Runner),
		slog.Float64(KeyDuration, report.Duration.Seconds()),
		slog.Int(KeyPending, report.Pending),
		slog.Int(KeyCompleted, report.Completed),
		slog.Int(KeyLost, len(report.Lost)))
	if len(report.Lost) > 0 {
		attrs = append(attrs, slog.Any(KeyLostNames, lostNames(report.Lost)))
	}
	l.logger.LogAttrs(ctx, level, LogDrainFinished, attrs...)
}

// lostNames says "3 x order.email dropped" for each name and outcome, in the
// order of the report.
func lostNames(lost []runner.Lost) []string {
	type kind struct {
		name    string
		outcome runner.Outcome
	}
	var kinds []kind
	counts := make(map[kind]int)
	for _, l := range lost {
		k := kind{l.Name, l.Outcome}
		if counts[k] == 0 {
			kinds = append(kinds, k)
		}
		counts[k]++
	}
	var names []string
	for i, k := range kinds {
		if i == maxLostNames {
			return append(names, fmt.Sprintf("and %d more names and outcomes", len(kinds)-i))
		}
		names = append(names, fmt.Sprintf("%d x %s %s", counts[k], k.name, k.outcome))
	}
	return names
}

// write adds what every record of a callback carries.
func (l *logging) write(ctx context.Context, level slog.Level, message string, cb runner.Callback, attrs ...slog.Attr) {
	all := append(make([]slog.Attr, 0, 5+len(attrs)), slog.String(KeyRunner, cb.Runner), slog.String(KeyCallback, cb.Name))
	all = append(all, traceOf(ctx)...)
	if request := l.processes.request(ctx); request.HasTraceID() {
		all = append(all, slog.String(KeyRequestTraceID, request.TraceID().String()))
	}
	l.logger.LogAttrs(ctx, level, message, append(all, attrs...)...) //nolint:sloglint // every caller passes a constant of names.go
}

// traceOf is the trace and span of ctx, if it has any.
func traceOf(ctx context.Context) []slog.Attr {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return nil
	}
	return []slog.Attr{slog.String(KeyTraceID, sc.TraceID().String()), slog.String(KeySpanID, sc.SpanID().String())}
}
