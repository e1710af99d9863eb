package telemetry

import (
	"context"
	"runtime/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

const taskCategory = "afterglow" // Category of the line that a failure leaves in an execution trace: its outcome or "stuck", and the callback.

// beginTask makes the callback a task of the execution trace, if one is being
// recorded, by whomever. A region would have to end on the goroutine that it
// began on, which is not so of an abandoned callback.
func (p *process) beginTask(ctx context.Context, info *runner.StartedInfo) context.Context {
	if !trace.IsEnabled() {
		return ctx
	}
	ctx, p.task = trace.NewTask(ctx, names.SpanProcess+" "+info.Name)
	if sc := p.spanContext(); sc.HasTraceID() {
		trace.Log(ctx, names.KeyTraceID, sc.TraceID().String())
	}
	return ctx
}

func (p *process) endTask() {
	if p != nil && p.task != nil {
		p.task.End()
	}
}
