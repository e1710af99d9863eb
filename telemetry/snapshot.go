package telemetry

import (
	"context"
	"runtime/trace"

	"go.opentelemetry.io/otel/attribute"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// causeStuck is the cause of a snapshot that is no outcome.
const causeStuck = "stuck"

// takeSnapshot has the flight recorder keep what led to the failure of a callback.
// It returns where that will be, "" if it is not kept: to be called before the
// failure is recorded, which then tells it.
func (t *Telemetry) takeSnapshot(ctx context.Context, cb runner.Callback, cause string) (path string) {
	if t.flight == nil {
		return ""
	}
	t.signals.flight.shield(ctx, func() {
		trace.Log(ctx, taskCategory, cause+" "+cb.Name)
		path = t.flight.take(func(path string, at step, err error) {
			if at == writing {
				t.signals.flight.failures.Add(1) // told below
			}
			t.signals.logs.shield(ctx, func() { t.logging.snapshotFailed(ctx, cb, path, at, err) })
		})
	})
	return path
}

// takeSnapshotOfEnd is the same for a callback, or an attempt, that has ended: what
// led to a panic or a timeout is kept.
func (t *Telemetry) takeSnapshotOfEnd(ctx context.Context, cb *runner.Callback, o runner.Outcome) (path string) {
	if o != runner.OutcomePanic && o != runner.OutcomeTimeout {
		return ""
	}
	return t.takeSnapshot(ctx, *cb, o.String())
}

// noteSnapshot says on the process span where the snapshot is.
func (p *process) noteSnapshot(path string) {
	if path != "" && p.isRecording() {
		p.span.SetAttributes(attribute.String(names.AttrSnapshot, path))
	}
}
