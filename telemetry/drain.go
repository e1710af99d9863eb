package telemetry

import (
	"context"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// drain is what is known of a drain from its start to its end. It travels in
// the drain's context, as a process does in a callback's.
type drain struct {
	context.Context
	key  drainKey
	span trace.Span // nil if it could not be started
}

// drainKey finds the drains of one Telemetry in a context.
type drainKey struct{ owner *tracing }

// begin begins a drain. It is in the context even if its span cannot be
// started: what comes with Shutdown's context is not its own.
func (k drainKey) begin(ctx context.Context) *drain { return &drain{Context: ctx, key: k} }

// from returns the innermost drain of ctx, or nil.
func (k drainKey) from(ctx context.Context) *drain {
	d, _ := ctx.Value(k).(*drain)
	return d
}

// Value finds the drain itself; everything else is its parent's.
func (d *drain) Value(key any) any {
	if k, ok := key.(drainKey); ok && k == d.key {
		return d
	}
	return d.Context.Value(key)
}

// drainStarted starts the drain span and returns the context that holds it.
func (t *tracing) drainStarted(d *drain, info runner.DrainInfo) context.Context {
	ctx, span := t.start(d, names.SpanDrain+" "+info.Runner, trace.WithAttributes(
		attribute.String(names.AttrRunner, info.Runner),
		attribute.Int(names.AttrDrainPending, info.Pending())))
	d.span = span
	return ctx
}

// drainFinished ends the drain span.
func (t *tracing) drainFinished(d *drain, report runner.Report) {
	if d == nil || d.span == nil || !d.span.IsRecording() {
		return
	}
	defer d.span.End(trace.WithTimestamp(report.Started.Add(report.Duration)))
	d.span.SetAttributes(
		attribute.Int(names.AttrDrainCompleted, report.Completed),
		attribute.Int(names.AttrDrainLost, len(report.Lost)))
	if len(report.Lost) > 0 {
		d.span.SetStatus(codes.Error, bounded(fmt.Sprintf("%d of %d callbacks lost: %s",
			len(report.Lost), report.Pending, strings.Join(lostNames(report.Lost), ", ")), maxStatus))
	}
}
