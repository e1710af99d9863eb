package telemetry

import (
	"context"

	"github.com/afterglow-go/afterglow/runner"
)

// Observer returns what records a runner's callbacks, for
// [runner.Config.Observers]. The same one may be given to several runners.
// Put it first if other observers start spans or write records of their own:
// they then find the process span in the context.
//
// For that very reason a runner is observed by one Telemetry. A second one would
// take the first one's process span for the span that asked, and link to it; and
// the records of the first would have the ids of the second's span, which is the
// innermost. To send the signals to two places, give Config a TracerProvider
// with two processors, a Logger with two handlers, and gather from one Registry.
//
// This is the one place where the signals meet. Each is called on its own, so
// that a panic in one is counted and does not stop the others; and what follows
// another is deferred, so that it comes even if that one ends the goroutine with
// runtime.Goexit. Where a callback ends, the counters come last: who has seen it
// counted finds its span and its record.
func (t *Telemetry) Observer() runner.Observer {
	return runner.Observer{
		Accepted: func(ctx context.Context, info runner.AcceptedInfo) context.Context { return t.accepted(ctx, &info) },
		Rejected: func(ctx context.Context, info runner.RejectedInfo) { t.rejected(ctx, &info) },
		Started:  func(ctx context.Context, info runner.StartedInfo) context.Context { return t.started(ctx, &info) },
		Retried:  func(ctx context.Context, info runner.RetriedInfo) { t.retried(ctx, &info) },
		Overrun:  func(ctx context.Context, info runner.OverrunInfo) { t.foundStuck(ctx, &info) },
		Finished: func(ctx context.Context, info runner.FinishedInfo) { t.finished(ctx, &info) },

		DrainStarted:  t.drainStarted,
		DrainFinished: t.drainFinished,
	}
}

func (t *Telemetry) accepted(ctx context.Context, info *runner.AcceptedInfo) context.Context {
	e := t.catalog.entry(info.Runner, info.Name)
	t.signals.metrics.shield(ctx, func() { t.metrics.askedOne(e, &info.Callback) })
	t.signals.traces.shield(ctx, func() { ctx = t.tracing.accepted(ctx, e, info) })
	if e.folded {
		t.signals.logs.shield(ctx, func() { t.logging.folded(ctx, e, info.Callback) })
	}
	return ctx
}

func (t *Telemetry) rejected(ctx context.Context, info *runner.RejectedInfo) {
	e := t.catalog.entry(info.Runner, info.Name)
	why := failure{outcome: runner.Rejected, err: info.Err}
	defer t.signals.metrics.shield(ctx, func() { t.metrics.rejectedOne(e, info) })
	defer t.signals.logs.shield(ctx, func() {
		if e.folded {
			t.logging.folded(ctx, e, info.Callback)
		}
		t.logging.rejected(ctx, e, info, &why)
	})
	t.signals.traces.shield(ctx, func() { t.tracing.rejected(ctx, e, info, &why) })
}

func (t *Telemetry) started(ctx context.Context, info *runner.StartedInfo) context.Context {
	e := t.catalog.entry(info.Runner, info.Name)
	// The process is in the context even if its span cannot be started: Finished
	// must not take the asker's process for this one's.
	p := t.processes.begin(ctx, e)
	ctx = p
	defer t.signals.metrics.shield(ctx, func() { t.metrics.started(e, info) })
	t.signals.traces.shield(ctx, func() {
		ctx = t.tracing.started(p, e, info)
		ctx = p.beginTask(ctx, info)
	})
	if info.QueueWait() > slowStart {
		t.signals.logs.shield(ctx, func() { t.logging.startedLate(ctx, e, info) })
	}
	return ctx
}

func (t *Telemetry) finished(ctx context.Context, info *runner.FinishedInfo) {
	p, e := t.processOf(ctx, info)
	why := failure{outcome: info.Outcome, err: info.Err}
	snapshot := t.takeSnapshotOfEnd(ctx, &info.Callback, info.Outcome)
	defer p.endTask()
	defer t.signals.metrics.shield(ctx, func() { t.metrics.finished(e, p, info) })
	defer t.signals.traces.shield(ctx, func() {
		p.noteSnapshot(snapshot)
		t.tracing.finished(p, info, &why)
	})
	t.signals.logs.shield(ctx, func() { t.logging.finished(ctx, e, info, &why, snapshot) })
}

// processOf returns the process that ends, nil if it never began, and what is
// kept for its name.
func (t *Telemetry) processOf(ctx context.Context, info *runner.FinishedInfo) (*process, entry) {
	if !info.Started.IsZero() {
		if p := t.processes.from(ctx); p != nil {
			return p, p.entry
		}
	}
	return nil, t.catalog.entry(info.Runner, info.Name)
}

func (t *Telemetry) retried(ctx context.Context, info *runner.RetriedInfo) {
	e := t.catalog.entry(info.Runner, info.Name)
	p := t.processes.from(ctx)
	why := failure{outcome: info.Outcome, err: info.Err}
	snapshot := t.takeSnapshotOfEnd(ctx, &info.Callback, info.Outcome)
	defer p.endTask()
	defer t.signals.metrics.shield(ctx, func() { t.metrics.retried(e, p, info) })
	defer t.signals.traces.shield(ctx, func() {
		p.noteSnapshot(snapshot)
		t.tracing.retried(p, info, &why)
	})
	t.signals.logs.shield(ctx, func() { t.logging.retried(ctx, e, info, &why, snapshot) })
}

func (t *Telemetry) foundStuck(ctx context.Context, info *runner.OverrunInfo) {
	e := t.catalog.entry(info.Runner, info.Name)
	p := t.processes.from(ctx)
	snapshot := t.takeSnapshot(ctx, info.Callback, causeStuck)
	defer t.signals.metrics.shield(ctx, func() { t.metrics.foundStuck(e) })
	defer t.signals.traces.shield(ctx, func() {
		p.noteSnapshot(snapshot)
		t.tracing.foundStuck(p, info)
	})
	t.signals.logs.shield(ctx, func() { t.logging.foundStuck(ctx, e, info, snapshot) })
}

func (t *Telemetry) drainStarted(ctx context.Context, info runner.DrainInfo) context.Context {
	d := t.drains.begin(ctx)
	ctx = d
	t.signals.traces.shield(ctx, func() { ctx = t.tracing.drainStarted(d, info) })
	t.signals.logs.shield(ctx, func() { t.logging.drainStarted(ctx, info) })
	return ctx
}

func (t *Telemetry) drainFinished(ctx context.Context, report runner.Report) {
	r := t.catalog.runner(report.Runner)
	defer t.signals.metrics.shield(ctx, func() { t.metrics.drainFinished(r, report) })
	defer t.signals.traces.shield(ctx, func() { t.tracing.drainFinished(t.drains.from(ctx), report) })
	t.signals.logs.shield(ctx, func() { t.logging.drainFinished(ctx, r, t.signals, report) })
}
