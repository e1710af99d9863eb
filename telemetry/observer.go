package telemetry

import (
	"context"
	"log/slog"

	"github.com/afterglow-go/afterglow/runner"
)

// Observer returns what observes a runner, for [runner.Config.Observers]: with
// this one line its metrics are exposed, its callbacks have spans, and its events
// are logged. The same one may be given to several runners, whose names must
// differ: otherwise New of the runner fails, unless the one before is shut down.
// Put it first if other observers start spans or write records of their own:
// they then find the process span in the context.
//
// It has a function only for the events that it needs. If the TracerProvider is
// that of package noop, there is no FlightRecorder, and the Logger does not write
// records of level debug when Observer is called, then a callback that succeeds
// calls no function of it: metrics are read from the runner's books.
//
// A runner is observed by one Telemetry. A second one would
// take the first one's process span for the span that asked, and link to it; and
// the records of the first would have the ids of the second's span, which is the
// innermost. To send the signals to two places, give Config a TracerProvider
// with two processors, a Logger with two handlers, and gather from one Registry.
//
// A runner's name is never forgotten, nor are the series of its callbacks, which
// runner.Config.MaxNames bounds: names of runners are constants, as those of
// callbacks are, and not made of tenants or requests.
func (t *Telemetry) Observer() runner.Observer {
	o := runner.Observer{
		Opened:  t.opened,
		TraceID: TraceID,
		Folded:  t.folded,

		Rejected:    func(ctx context.Context, info runner.RejectedInfo) { t.rejected(ctx, &info) },
		StartedLate: func(ctx context.Context, info runner.StartedInfo) { t.startedLate(ctx, &info) },
		Retried:     func(ctx context.Context, info runner.RetriedInfo) { t.retried(ctx, &info) },
		Stuck:       func(ctx context.Context, info runner.StuckInfo) { t.stuck(ctx, &info) },
		Failed:      func(ctx context.Context, info runner.FinishedInfo) { t.finished(ctx, &info) },

		DrainStarted:  t.drainStarted,
		DrainFinished: t.drainFinished,
	}
	if !t.tracing.isNoop {
		o.WantsCaller = t.tracing.wantsCaller
		o.Accepted = func(ctx context.Context, info runner.AcceptedInfo) context.Context { return t.accepted(ctx, &info) }
	}
	if !t.tracing.isNoop || t.flight != nil {
		o.Started = func(ctx context.Context, info runner.StartedInfo) context.Context { return t.started(ctx, &info) }
	}
	if o.Started != nil || t.logging.logger.Enabled(context.Background(), slog.LevelDebug) {
		o.Finished, o.Failed = o.Failed, nil
	}
	return o
}

func (t *Telemetry) opened(r *runner.Runner) error {
	return t.open(r)
}

// Each signal is called on its own, so that a panic in one is counted and does
// not stop the others; and what follows another is deferred, so that it comes even
// if that one ends the goroutine with runtime.Goexit.

func (t *Telemetry) folded(ctx context.Context, first runner.Callback) {
	t.signals.logs.shield(ctx, func() { t.logging.folded(ctx, first) })
}

func (t *Telemetry) accepted(ctx context.Context, info *runner.AcceptedInfo) context.Context {
	t.signals.traces.shield(ctx, func() { ctx = t.tracing.accepted(ctx, info) })
	return ctx
}

func (t *Telemetry) rejected(ctx context.Context, info *runner.RejectedInfo) {
	why := failure{outcome: runner.OutcomeRejected, err: info.Err}
	defer t.signals.logs.shield(ctx, func() { t.logging.rejected(ctx, t.catalog.runner(info.Runner), info, &why) })
	if !t.tracing.isNoop {
		t.signals.traces.shield(ctx, func() { t.tracing.rejected(ctx, info, &why) })
	}
}

func (t *Telemetry) startedLate(ctx context.Context, info *runner.StartedInfo) {
	t.signals.logs.shield(ctx, func() { t.logging.startedLate(ctx, t.catalog.runner(info.Runner), info) })
}

func (t *Telemetry) started(ctx context.Context, info *runner.StartedInfo) context.Context {
	// The process is in the context even if its span cannot be started: Finished
	// must not take the asker's process for this one's.
	p := t.processes.begin(ctx, t.catalog.entry(&info.Callback))
	ctx = p
	t.signals.traces.shield(ctx, func() {
		ctx = t.tracing.started(p, info)
		ctx = p.beginTask(ctx, info)
	})
	return ctx
}

func (t *Telemetry) finished(ctx context.Context, info *runner.FinishedInfo) {
	var p *process
	if !info.Started.IsZero() {
		p = t.processes.from(ctx)
	}
	why := failure{outcome: info.Outcome, err: info.Err}
	snapshot := t.takeSnapshotOfEnd(ctx, &info.Callback, info.Outcome)
	defer p.endTask()
	defer t.signals.traces.shield(ctx, func() {
		p.keepExemplar(&info.StartedInfo, info)
		p.noteSnapshot(snapshot)
		t.tracing.finished(p, info, &why)
	})
	t.signals.logs.shield(ctx, func() { t.logging.finished(ctx, t.entryOf(p, &info.Callback), info, &why, snapshot) })
}

// entryOf returns what is kept for the name of a callback, whose process is p if it
// has begun.
func (t *Telemetry) entryOf(p *process, cb *runner.Callback) entry {
	if p != nil {
		return p.entry
	}
	return t.catalog.entry(cb)
}

func (t *Telemetry) retried(ctx context.Context, info *runner.RetriedInfo) {
	p := t.processes.from(ctx)
	why := failure{outcome: info.Outcome, err: info.Err}
	snapshot := t.takeSnapshotOfEnd(ctx, &info.Callback, info.Outcome)
	defer p.endTask()
	defer t.signals.traces.shield(ctx, func() {
		p.keepExemplar(&info.StartedInfo, &runner.FinishedInfo{StartedInfo: info.StartedInfo, Outcome: info.Outcome, Finished: info.Finished})
		p.noteSnapshot(snapshot)
		t.tracing.retried(p, info, &why)
	})
	t.signals.logs.shield(ctx, func() { t.logging.retried(ctx, t.entryOf(nil, &info.Callback), info, &why, snapshot) })
}

func (t *Telemetry) stuck(ctx context.Context, info *runner.StuckInfo) {
	p := t.processes.from(ctx)
	snapshot := t.takeSnapshot(ctx, info.Callback, causeStuck)
	defer t.signals.traces.shield(ctx, func() {
		p.noteSnapshot(snapshot)
		t.tracing.foundStuck(p, info)
	})
	t.signals.logs.shield(ctx, func() { t.logging.foundStuck(ctx, t.catalog.entry(&info.Callback), info, snapshot) })
}

func (t *Telemetry) drainStarted(ctx context.Context, info runner.DrainInfo) context.Context {
	d := t.drains.begin(ctx)
	ctx = d
	t.signals.traces.shield(ctx, func() { ctx = t.tracing.drainStarted(d, info) })
	t.signals.logs.shield(ctx, func() { t.logging.drainStarted(ctx, info) })
	return ctx
}

func (t *Telemetry) drainFinished(ctx context.Context, report runner.Report) {
	t.scrapes.drainEnded()
	defer t.signals.traces.shield(ctx, func() { t.tracing.drainFinished(t.drains.from(ctx), report) })
	t.signals.logs.shield(ctx, func() { t.logging.drainFinished(ctx, t.catalog.runner(report.Runner), t.signals, report) })
}
