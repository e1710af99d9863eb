package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// tracing makes one span of each callback that starts, and leaves a note on
// the span that was current where it was asked for. What is optional: a span of
// the asking too (ask.go). A drain has one in any case (drain.go).
type tracing struct {
	tracer    trace.Tracer
	isNoop    bool // the tracer is that of package noop: it makes no spans
	relations relations
	askSpans  bool
	sites     callSites
	functions *functions
	askers    askers

	// recorded is set once a process span has recorded: then the line that asks
	// without a span is worth knowing.
	recorded atomic.Bool
}

// callbackSpans is what tracing keeps for one name of a runner.
type callbackSpans struct {
	processStart atomic.Pointer[spanStart] // nil until its relation is decided
}

// spanStart is what the spans of one kind and name have in common.
type spanStart struct {
	name     string
	relation Relation // of a process span
	options  []trace.SpanStartOption
}

// TraceID returns the trace id of ctx's span, and "" if there is none. It is
// for [runner.Observer].TraceID, with which a drain's report names traces.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

func newTracing(cfg Config, own *signal, known *functions) *tracing {
	_, isNoop := cfg.TracerProvider.(noop.TracerProvider)
	return &tracing{
		isNoop: isNoop,
		tracer: cfg.TracerProvider.Tracer(names.ScopeName,
			trace.WithInstrumentationVersion(version()),
			trace.WithSchemaURL(semconv.SchemaURL)),
		relations: relations{always: cfg.Relation, choose: cfg.RelationFor, signal: own},
		askSpans:  cfg.AskSpans,
		functions: known,
	}
}

// newSpanStart gives a sampler the two names to decide by.
func newSpanStart(span, runnerName, name string, kind trace.SpanKind) *spanStart {
	return &spanStart{name: span + " " + name, options: []trace.SpanStartOption{
		trace.WithSpanKind(kind),
		trace.WithAttributes(attribute.String(names.AttrRunner, runnerName), attribute.String(names.AttrCallbackName, name)),
	}}
}

// newProcessStart makes what the process spans of a name have in common.
func newProcessStart(runnerName, name string, relation Relation) *spanStart {
	s := newSpanStart(names.SpanProcess, runnerName, name, trace.SpanKindConsumer)
	if s.relation = relation; relation.isRoot() {
		s.options = append(s.options, trace.WithNewRoot())
	}
	return s
}

// processStart returns the same, made once a name. Only metrics fold: a span
// costs the same under any name.
func (t *tracing) processStart(ctx context.Context, e entry, cb *runner.Callback) *spanStart {
	if cb.Folded {
		return newProcessStart(cb.Runner, cb.Name, t.relations.of(ctx, cb.Runner, cb.Name))
	}
	if known := e.callback.processStart.Load(); known != nil {
		return known
	}
	return t.decideProcessStart(ctx, e.callback, cb)
}

// decideProcessStart asks the user for the relation; the first answer holds. Of
// several callbacks that start meanwhile nobody waits for the answer to another
// one: it may come only once they have run.
func (t *tracing) decideProcessStart(ctx context.Context, kept *callbackEntry, cb *runner.Callback) (decided *spanStart) {
	relation := t.relations.always
	defer func() { // even if the user does not come back from being asked
		kept.processStart.CompareAndSwap(nil, newProcessStart(cb.Runner, cb.Name, relation))
		decided = kept.processStart.Load()
	}()
	relation = t.relations.of(ctx, cb.Runner, cb.Name)
	return decided
}

// wantsCaller reports whether a span may say where a callback was asked for: if
// the asker's span records or, without a valid one, once a process span has
// recorded.
func (t *tracing) wantsCaller(ctx context.Context) bool {
	asker := trace.SpanFromContext(ctx)
	return asker.IsRecording() || t.recorded.Load() && !asker.SpanContext().IsValid()
}

// accepted notes on the asker's span that it asked for a callback, and returns
// the context that the callback goes on with. It stays the asker's, at no cost, if
// there is nothing to be kept.
func (t *tracing) accepted(ctx context.Context, info *runner.AcceptedInfo) context.Context {
	asker := trace.SpanFromContext(ctx)
	if asker.IsRecording() {
		t.noteAsked(asker, &info.Callback, names.EventAccepted, trace.WithTimestamp(info.Asked))
	}
	a := ctx
	if t.askSpans {
		a, asker = t.askAccepted(ctx, asker, info)
	}
	if info.Caller == 0 && !asker.SpanContext().IsValid() {
		return ctx
	}
	return processKey{owner: t}.accept(ctx, a, asker, info.Caller)
}

// rejected notes on the asker's span that a callback was rejected.
func (t *tracing) rejected(ctx context.Context, info *runner.RejectedInfo, why *failure) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		t.noteAsked(span, &info.Callback, names.EventRejected, trace.WithAttributes(attribute.String(names.AttrReason, info.Reason.String())))
	}
	if t.askSpans {
		t.askRejected(ctx, info, why)
	}
}

// start starts a span. A tracer that is not the SDK's may return no context, or
// no span: then the context stays what it is, and the span does not record.
func (t *tracing) start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	started, span := t.tracer.Start(ctx, name, options...)
	if span == nil {
		span = noop.Span{}
	}
	if started == nil {
		started = trace.ContextWithSpan(ctx, span)
	}
	return started, span
}

// started starts the process span and returns the context that holds it. What
// there is to say of it is said at its end, all at once.
func (t *tracing) started(p *process, info *runner.StartedInfo) context.Context {
	asker := trace.SpanContextFromContext(p.Context)
	if t.isNoop && !asker.IsValid() {
		return p // which is all that a tracer without an SDK would return
	}
	ctx := t.startProcess(p, t.processStart(p, p.entry, &info.Callback), asker, info.Started)
	if p.span.IsRecording() && !t.recorded.Load() { // A cache line that many read.
		t.recorded.Store(true)
	}
	return ctx
}

func (t *tracing) startProcess(p *process, start *spanStart, asker trace.SpanContext, at time.Time) (ctx context.Context) {
	options := append(make([]trace.SpanStartOption, 0, len(start.options)+2), start.options...)
	options = append(options, trace.WithTimestamp(at))
	if start.relation.isLinked() && asker.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: asker}))
	}
	ctx, p.span = t.start(p, start.name, options...)
	return ctx
}

// finished ends the process span. The callback may still be running if a drain
// abandoned it; what it does to its span from then on is lost.
func (t *tracing) finished(p *process, info *runner.FinishedInfo, why *failure) {
	if !p.isRecording() {
		return // A span that does not record needs no end.
	}
	attrs := t.describe(p, &info.StartedInfo, info.Outcome)
	if info.Outcome == runner.OutcomeAbandoned && info.Stack != "" {
		attrs = append(attrs, semconv.CodeStacktrace(bounded(info.Stack, maxStack)))
	}
	end(p.span, attrs, info, why)
}

// retried ends the process span of an attempt that will be followed by another
// one: each attempt has a span of its own.
func (t *tracing) retried(p *process, info *runner.RetriedInfo, why *failure) {
	if !p.isRecording() {
		return
	}
	attrs := append(t.describe(p, &info.StartedInfo, info.Outcome), attribute.Float64(names.AttrRetryWait, info.Wait.Seconds()))
	if info.Attempt == 1 { // otherwise it is described so already
		attrs = append(attrs, attribute.Int(names.AttrAttempt, info.Attempt))
	}
	end(p.span, attrs, &runner.FinishedInfo{StartedInfo: info.StartedInfo, Outcome: info.Outcome, Err: info.Err, Finished: info.Finished}, why)
}

// foundStuck notes on the process span that the callback was found stuck, and
// where it hangs.
func (t *tracing) foundStuck(p *process, info *runner.StuckInfo) {
	if !p.isRecording() {
		return
	}
	p.span.AddEvent(names.EventStuck, trace.WithTimestamp(info.Started.Add(info.Ran)),
		trace.WithAttributes(semconv.CodeStacktrace(bounded(info.Stack, maxStack))))
}

// end ends a span as its callback, or the attempt, has ended.
func end(span trace.Span, attrs []attribute.KeyValue, info *runner.FinishedInfo, why *failure) {
	// Deferred, so that an error whose methods end the goroutine leaves no span open.
	defer span.End(trace.WithTimestamp(info.Finished))

	span.SetAttributes(attrs...)
	if info.Timeout > 0 && info.Duration() > info.Timeout {
		span.AddEvent(names.EventDeadline, trace.WithTimestamp(info.Started.Add(info.Timeout)))
	}
	if info.Outcome == runner.OutcomeSuccess {
		return
	}
	span.SetStatus(codes.Error, bounded(why.text(), maxStatus))
	if info.Outcome != runner.OutcomeAbandoned { // That one has thrown nothing yet.
		span.AddEvent(semconv.ExceptionEventName, trace.WithTimestamp(info.Finished), trace.WithAttributes(why.exception()...))
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(why.kind()))
}
