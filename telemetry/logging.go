package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// logging writes a record of what a person should know. Every record is
// checked with Enabled before anything of it is computed.
type logging struct {
	logger    *slog.Logger
	functions *functions
	processes processKey
	omitIDs   bool      // Config.OmitTraceIDs
	failures  rate      // of each kind of record of each callback's name
	start     time.Time // the limiters count from here
}

// runnerLogs is what logging keeps for one runner.
type runnerLogs struct {
	rejections, evictions, slowStarts limiter
}

// callbackLogs is what logging keeps for one callback's name: a limiter for
// each message, so that errors do not hide a panic.
type callbackLogs struct {
	ends                            [runner.NumOutcomes]limiter
	retries, foundStuck, stuckEnded limiter
}

// oneASecond is the rate of what overload repeats, whatever the callback.
func oneASecond() rate { return perSecond(1) }

func newLogging(cfg Config, processes processKey, known *functions) *logging {
	return &logging{
		logger: cfg.Logger, functions: known, processes: processes, omitIDs: cfg.OmitTraceIDs,
		failures: perSecond(cfg.LogRate), start: time.Now(),
	}
}

// limited writes a record if its limiter lets it through, with what it then says
// of itself: how many were left out before it, and where the flight recorder's
// snapshot is. With that it always may, as nothing else leads there and there
// are few.
func (l *logging) limited(limit *limiter, r rate, snapshot string, write func(notes []slog.Attr)) {
	var notes []slog.Attr
	if snapshot != "" {
		r = rate{}
		notes = append(notes, slog.String(names.KeySnapshot, snapshot))
	}
	n, ok := limit.allow(time.Since(l.start), r)
	if !ok {
		return
	}
	written := false
	defer func() {
		if !written && n > 0 { // The handler has panicked: the next record says it.
			limit.giveBack(n)
		}
	}()
	if n > 0 {
		notes = append(notes, slog.Int64(names.KeySuppressed, n))
	}
	write(notes)
	written = true
}

// folded warns that names are folded from now on.
func (l *logging) folded(ctx context.Context, first runner.Callback) {
	if l.logger.Enabled(ctx, slog.LevelWarn) {
		l.write(ctx, slog.LevelWarn, names.LogNamesFolded, first)
	}
}

func (l *logging) rejected(ctx context.Context, r *runnerEntry, info *runner.RejectedInfo, why *failure) {
	if !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	l.limited(&r.rejections, oneASecond(), "", func(notes []slog.Attr) {
		l.write(ctx, slog.LevelWarn, names.LogRejected, info.Callback, append(notes,
			slog.String(names.KeyReason, info.Reason.String()),
			slog.String(names.KeyError, why.text()))...)
	})
}

func (l *logging) startedLate(ctx context.Context, r *runnerEntry, info *runner.StartedInfo) {
	if !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	l.limited(&r.slowStarts, oneASecond(), "", func(notes []slog.Attr) {
		l.write(ctx, slog.LevelWarn, names.LogSlowStart, info.Callback, append(notes,
			slog.Float64(names.KeyQueueWait, info.QueueWait().Seconds()))...)
	})
}

func (l *logging) retried(ctx context.Context, e entry, info *runner.RetriedInfo, why *failure, snapshot string) {
	if info.Stuck {
		l.stuckEnded(ctx, e, info.Callback, info.Duration())
	}
	if !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	l.limited(&e.callback.retries, oneASecond(), snapshot, func(notes []slog.Attr) {
		l.write(ctx, slog.LevelWarn, names.LogRetried, info.Callback, append(notes,
			slog.Int(names.KeyAttempt, info.Attempt),
			slog.Float64(names.KeyWait, info.Wait.Seconds()),
			slog.Float64(names.KeyDuration, info.Duration().Seconds()),
			slog.String(names.KeyErrorType, why.kind()),
			slog.String(names.KeyError, why.text()))...)
	})
}

func (l *logging) foundStuck(ctx context.Context, e entry, info *runner.StuckInfo, snapshot string) {
	if !l.logger.Enabled(ctx, slog.LevelError) {
		return
	}
	l.limited(&e.callback.foundStuck, l.failures, snapshot, func(notes []slog.Attr) {
		l.write(ctx, slog.LevelError, names.LogStuck, info.Callback, append(notes,
			slog.Float64(names.KeyDuration, info.Ran.Seconds()),
			slog.Float64(names.KeyTimeout, info.Timeout.Seconds()),
			slog.String(names.KeyStack, bounded(info.Stack, maxStack)))...)
	})
}

// stuckEnded says that a stuck callback has ended.
func (l *logging) stuckEnded(ctx context.Context, e entry, cb runner.Callback, ran time.Duration) {
	if !l.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	l.limited(&e.callback.stuckEnded, l.failures, "", func(notes []slog.Attr) {
		l.write(ctx, slog.LevelInfo, names.LogStuckEnded, cb, append(notes, slog.Float64(names.KeyDuration, ran.Seconds()))...)
	})
}

func (l *logging) finished(ctx context.Context, e entry, info *runner.FinishedInfo, why *failure, snapshot string) {
	if info.Stuck && info.Outcome != runner.OutcomeAbandoned {
		l.stuckEnded(ctx, e, info.Callback, info.Duration())
	}
	level, message := finishedRecord(info.Outcome)
	if !l.logger.Enabled(ctx, level) {
		return
	}
	limit, r := &e.callback.ends[info.Outcome], l.failures
	switch {
	case info.Outcome == runner.OutcomeDropped && errors.Is(info.Err, runner.ErrEvicted):
		limit, r = &e.runner.evictions, oneASecond()
	case level == slog.LevelDebug: // who asks for these wants them all
		r = rate{}
	}
	l.limited(limit, r, snapshot, func(notes []slog.Attr) {
		l.write(ctx, level, message, info.Callback, endOf(info, why, notes)...)
	})
}

// snapshotFailed is not limited: the flight recorder takes few.
func (l *logging) snapshotFailed(ctx context.Context, cb runner.Callback, path string, at step, err error) {
	if !l.logger.Enabled(ctx, slog.LevelWarn) {
		return
	}
	message := names.LogSnapshotFailed
	if at == pruning {
		message = names.LogPruneFailed
	}
	l.write(ctx, slog.LevelWarn, message, cb,
		slog.String(names.KeySnapshot, path), slog.String(names.KeyError, textOf(err, maxError)))
}
