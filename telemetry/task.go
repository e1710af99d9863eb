package telemetry

import (
	"context"
	"runtime/trace"

	"go.opentelemetry.io/otel/attribute"

	"github.com/afterglow-go/afterglow/runner"
)

const (
	taskCategory = "afterglow" // Category of the line that a failure leaves in an execution trace: its outcome or overrun, and the callback.
	causeOverrun = "overrun"
)

// beginTask makes the callback a task of the execution trace, if one is being
// recorded, by whomever. A region would have to end on the goroutine that it
// began on, which is not so of an abandoned callback.
func (p *process) beginTask(ctx context.Context, info runner.StartedInfo) context.Context {
	if !trace.IsEnabled() {
		return ctx
	}
	ctx, p.task = trace.NewTask(ctx, SpanProcess+" "+info.Name)
	if sc := p.spanContext(); sc.HasTraceID() {
		trace.Log(ctx, KeyTraceID, sc.TraceID().String())
	}
	return ctx
}

func (p *process) endTask() {
	if p != nil && p.task != nil {
		p.task.End()
	}
}

// snapshot has the flight recorder keep what led to the failure of a callback.
// It returns where that will be, "" if it is not kept: to be called before the
// failure is recorded, which then tells it.
func (t *Telemetry) snapshot(ctx context.Context, cb runner.Callback, cause string) (path string) {
	if t.flight == nil {
		return ""
	}
	shield(&t.errors.flight, func() {
		trace.Log(ctx, taskCategory, cause+" "+cb.Name)
		path = t.flight.take(func(path string, at step, err error) {
			if at == writing {
				t.errors.flight.Add(1)
			}
			shield(&t.errors.logs, func() { t.logging.snapshotFailed(ctx, cb, path, at, err) })
		})
	})
	return path
}

// snapshotOfEnd is the same for a callback, or an attempt, that has ended: what
// led to a panic or a timeout is kept.
func (t *Telemetry) snapshotOfEnd(ctx context.Context, cb runner.Callback, o runner.Outcome) (path string) {
	if o != runner.Panicked && o != runner.TimedOut {
		return ""
	}
	return t.snapshot(ctx, cb, o.String())
}

// noteSnapshot says on the process span where the snapshot is.
func (p *process) noteSnapshot(path string) {
	if path != "" && p != nil && p.span != nil && p.span.IsRecording() {
		p.span.SetAttributes(attribute.String(AttrSnapshot, path))
	}
}
