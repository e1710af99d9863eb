package telemetry

import (
	"context"
	runtimetrace "runtime/trace"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// process is what is known of a callback from its start to its end. It travels
// in the callback's context, and is that context's link to it: one allocation
// serves as both.
type process struct {
	context.Context
	key     processKey
	entry   entry              // of its name
	span    trace.Span         // nil if it could not be started; written before the callback starts
	request trace.TraceID      // of the first asker; the zero value if that had none
	site    callSite           // where the callback was asked for
	task    *runtimetrace.Task // nil unless an execution trace is being recorded; written before the callback starts
}

// processKey finds the processes of one Telemetry in a context. Each has its
// own key, so that a callback may ask a runner that another Telemetry observes.
type processKey struct{ owner *tracing }

// begin begins a process whose asker's context is ctx.
func (k processKey) begin(ctx context.Context, e entry) *process {
	p := &process{Context: ctx, key: k, entry: e}
	p.request, p.site = k.origin(ctx)
	return p
}

// from returns the innermost process of ctx, or nil. In an event that comes
// before Started, that is the callback which asked for this one.
func (k processKey) from(ctx context.Context) *process {
	switch v := ctx.Value(k).(type) {
	case *process:
		return v
	case *acceptance:
		return k.from(v.Context)
	}
	return nil
}

// request returns the trace of the request behind ctx: a nested callback has
// that of the callback which asked for it.
func (k processKey) request(ctx context.Context) trace.TraceID {
	request, _ := k.origin(ctx)
	return request
}

// origin returns the request behind ctx, and where its callback was asked for.
// A process stands before what was known of it when it was asked for, so that
// a nested callback never takes its asker's call site for its own.
func (k processKey) origin(ctx context.Context) (request trace.TraceID, site callSite) {
	switch v := ctx.Value(k).(type) {
	case *process:
		return v.request, 0
	case *acceptance:
		return v.request, v.site
	}
	return requestOf(ctx), 0
}

// acceptance is what is known of a callback before its start. It travels in the
// context that its asker's becomes, as a process does. It keeps the asker's span:
// the context may belong to another request when the callback starts.
type acceptance struct {
	context.Context
	key     processKey
	span    trace.Span    // the asker's, or the ask span
	request trace.TraceID // as a process has it
	site    callSite
}

// accept returns what is known of a callback that is accepted with ctx and goes on
// with another context.
func (k processKey) accept(ctx, with context.Context, asker trace.Span, site uintptr) *acceptance {
	return &acceptance{Context: with, key: k, span: asker, request: k.request(ctx), site: callSite(site)}
}

// Value finds what is known; everything else is the asker's.
func (a *acceptance) Value(key any) any {
	if key == spanKey {
		return a.span
	}
	if k, ok := key.(processKey); ok && k == a.key {
		return a
	}
	return a.Context.Value(key)
}

// spanKey is the key by which OpenTelemetry finds the span of a context.
var spanKey = func() any {
	probe := &probe{Context: context.Background()}
	trace.SpanFromContext(probe)
	return probe.key
}()

// probe is a context that notes the last key it was asked for.
type probe struct {
	context.Context
	key any
}

// Value implements [context.Context].
func (p *probe) Value(key any) any {
	p.key = key
	return nil
}

// anyProcess finds the innermost process of a context, whichever Telemetry's.
type anyProcess struct{}

// Value finds the process itself; everything else is its parent's.
func (p *process) Value(key any) any {
	if key == (anyProcess{}) {
		return p
	}
	if k, ok := key.(processKey); ok && k == p.key {
		return p
	}
	return p.Context.Value(key)
}

// isRecording reports whether there is a process span that records.
func (p *process) isRecording() bool { return p != nil && p.span != nil && p.span.IsRecording() }

// spanContext is that of the process span; the zero value if there is none.
func (p *process) spanContext() trace.SpanContext {
	if p == nil || p.span == nil {
		return trace.SpanContext{}
	}
	return p.span.SpanContext()
}

// keepExemplar makes the callback, or the attempt, an exemplar of its run time.
func (p *process) keepExemplar(info *runner.StartedInfo, end *runner.FinishedInfo) {
	if p == nil || info.Started.IsZero() {
		return
	}
	p.entry.callback.exemplars.keep(p.entry.runner.layout.Load(), end.Outcome == runner.OutcomeSuccess, end.Duration(), p.spanContext(), end.Finished)
}
