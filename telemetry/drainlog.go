package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// maxTold bounds what one record lists.
const maxTold = 20

func (l *logging) drainStarted(ctx context.Context, info runner.DrainInfo) {
	if !l.logger.Enabled(ctx, slog.LevelInfo) {
		return
	}
	l.logger.LogAttrs(ctx, slog.LevelInfo, names.LogDrainStarted, append(l.traceOf(ctx), //nolint:sloglint // it is a constant, of package names
		slog.String(names.KeyRunner, info.Runner),
		slog.Int(names.KeyReserved, info.Reserved),
		slog.Int(names.KeyQueued, info.Queued),
		slog.Int(names.KeyPaused, info.Paused),
		slog.Int(names.KeyRunning, info.Running))...)
}

func (l *logging) drainFinished(ctx context.Context, r *runnerEntry, own *signals, report runner.Report) {
	l.suppressed(ctx, r, own)
	level := slog.LevelInfo
	if len(report.Lost) > 0 {
		level = slog.LevelWarn
	}
	if !l.logger.Enabled(ctx, level) {
		return
	}
	attrs := append(l.traceOf(ctx),
		slog.String(names.KeyRunner, report.Runner),
		slog.Float64(names.KeyDuration, report.Duration.Seconds()),
		slog.Int(names.KeyPending, report.Pending),
		slog.Int(names.KeyCompleted, report.Completed),
		slog.Int(names.KeyLost, len(report.Lost)))
	if len(report.Lost) > 0 {
		attrs = append(attrs, slog.Any(names.KeyLostNames, lostNames(report.Lost)))
	}
	if refs := lostRefs(report.Lost); len(refs) > 0 {
		attrs = append(attrs, slog.Any(names.KeyLostRefs, refs))
	}
	l.logger.LogAttrs(ctx, level, names.LogDrainFinished, attrs...) //nolint:sloglint // it is a constant, of package names
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
	return told(kinds, "names and outcomes", func(k kind) string {
		return fmt.Sprintf("%d x %s %s", counts[k], k.name, k.outcome)
	})
}

// lostRefs says "order.email: order 7" for each lost callback that has a reference, in
// the order of the report.
func lostRefs(lost []runner.Lost) []string {
	withRef := slices.DeleteFunc(slices.Clone(lost), func(l runner.Lost) bool { return l.Ref == "" })
	return told(withRef, "references", func(l runner.Lost) string { return l.Name + ": " + l.Ref })
}

// told says each of all, and of those beyond the bound only how many they are.
func told[T any](all []T, what string, say func(T) string) []string {
	var said []string
	for i, one := range all {
		if i == maxTold {
			return append(said, fmt.Sprintf("and %d more %s", len(all)-i, what))
		}
		said = append(said, say(one))
	}
	return said
}

// leftOut is how many records of one kind were left out since the last one.
type leftOut struct {
	callback, message string // no callback: of the runner, or of the telemetry itself
	level             slog.Level
	n                 int64
	limit             *limiter // that it was taken from
}

func (o leftOut) String() string {
	if o.callback == "" {
		return fmt.Sprintf("%d x %s", o.n, o.message)
	}
	return fmt.Sprintf("%d x %s: %s", o.n, o.callback, o.message)
}

// suppressed tells at the end of a drain what no later record would tell: how
// many were left out since the last one of their kind. These are the runner's
// records and those of the telemetry's own failures, with any runner. It has the
// highest level of what it stands for.
func (l *logging) suppressed(ctx context.Context, r *runnerEntry, own *signals) {
	all := append(r.leftOut(), own.leftOut()...)
	if len(all) == 0 {
		return
	}
	level, n := all[0].level, int64(0)
	for _, o := range all {
		level, n = max(level, o.level), n+o.n
	}
	slices.SortFunc(all, func(a, b leftOut) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.callback, b.callback), cmp.Compare(a.message, b.message))
	})
	written := false
	defer func() {
		if !written {
			for _, o := range all {
				o.limit.giveBack(o.n)
			}
		}
	}()
	l.logger.LogAttrs(ctx, level, names.LogSuppressed, append(l.traceOf(ctx), //nolint:sloglint // it is a constant, of package names
		slog.String(names.KeyRunner, r.name),
		slog.Int64(names.KeySuppressed, n),
		slog.Any(names.KeySuppressedRecords, told(all, "kinds", leftOut.String)))...)
	written = true
}

// leftOut takes what the limiters of a runner hold back.
func (r *runnerEntry) leftOut() (all []leftOut) {
	take := func(callback, message string, level slog.Level, limit *limiter) {
		all = takeLeftOut(all, callback, message, level, limit)
	}
	take("", names.LogRejected, slog.LevelWarn, &r.rejections)
	take("", names.LogDropped, slog.LevelWarn, &r.evictions)
	take("", names.LogSlowStart, slog.LevelWarn, &r.slowStarts)
	r.each(func(name string, cb *callbackEntry) {
		for o := range cb.ends {
			level, message := finishedRecord(runner.Outcome(o))
			take(name, message, level, &cb.ends[o])
		}
		take(name, names.LogRetried, slog.LevelWarn, &cb.retries)
		take(name, names.LogStuck, slog.LevelError, &cb.foundStuck)
		take(name, names.LogStuckEnded, slog.LevelInfo, &cb.stuckEnded)
	})
	return all
}

// leftOut takes what the limiters of the telemetry's own failures hold back.
func (s *signals) leftOut() (all []leftOut) {
	for _, one := range s.all() {
		all = takeLeftOut(all, "", names.LogTelemetryFailed+": "+one.name, slog.LevelError, &one.told)
	}
	return all
}

// takeLeftOut appends to all what one limiter holds back, and takes it.
func takeLeftOut(all []leftOut, callback, message string, level slog.Level, limit *limiter) []leftOut {
	if n := limit.takeHeld(); n > 0 {
		return append(all, leftOut{callback, message, level, n, limit})
	}
	return all
}
