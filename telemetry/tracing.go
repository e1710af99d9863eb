package telemetry

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// tracing makes one span of each callback that starts, and leaves a note on
// the span that was current where it was asked for.
type tracing struct {
	tracer   trace.Tracer
	relation Relation
}

// spanStart is what a callback's spans have in common, built once a name.
type spanStart struct {
	name    string
	options []trace.SpanStartOption
}

// TraceID returns the trace id of ctx's span, and "" if there is none. It is
// for [runner.Config.TraceID], with which a drain's report names traces.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		return sc.TraceID().String()
	}
	return ""
}

func newTracing(cfg Config) *tracing {
	return &tracing{
		tracer: cfg.TracerProvider.Tracer(ScopeName,
			trace.WithInstrumentationVersion(version()),
			trace.WithSchemaURL(semconv.SchemaURL)),
		relation: cfg.Relation,
	}
}

// newSpanStart gives a sampler the two names to decide by.
func (t *tracing) newSpanStart(runnerName, name string) spanStart {
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String(AttrRunner, runnerName), attribute.String(AttrCallbackName, name)),
	}
	if t.relation == Link {
		options = append(options, trace.WithNewRoot())
	}
	return spanStart{name: SpanProcess + " " + name, options: options}
}

// accepted notes on the asker's span that it asked for a callback.
func (t *tracing) accepted(ctx context.Context, info runner.AcceptedInfo) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(EventScheduled, trace.WithTimestamp(info.Asked), trace.WithAttributes(
			attribute.String(AttrRunner, info.Runner),
			attribute.String(AttrCallbackName, info.Name)))
	}
}

// rejected notes on the asker's span that it was refused a callback.
func (t *tracing) rejected(ctx context.Context, info runner.RejectedInfo) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent(EventRejected, trace.WithAttributes(
			attribute.String(AttrRunner, info.Runner),
			attribute.String(AttrCallbackName, info.Name),
			attribute.String(AttrReason, string(info.Reason))))
	}
}

// started starts the process span and returns the context that holds it.
func (t *tracing) started(p *process, e entry, info runner.StartedInfo) context.Context {
	start := e.callback.span
	if e.folded { // Only metrics fold: a span costs the same under any name.
		start = t.newSpanStart(info.Runner, info.Name)
	}
	options := append(make([]trace.SpanStartOption, 0, len(start.options)+2), start.options...)
	options = append(options, trace.WithTimestamp(info.Started))
	if asker := trace.SpanContextFromContext(p.Context); t.relation == Link && asker.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: asker}))
	}
	ctx, span := t.tracer.Start(p, start.name, options...)
	p.span = span
	if !span.IsRecording() {
		return ctx
	}
	attrs := append(make([]attribute.KeyValue, 0, 8), attribute.Float64(AttrQueueWait, info.QueueWait().Seconds()))
	if info.AfterResponse {
		attrs = append(attrs, attribute.Float64(AttrResponseDelay, info.ResponseDelay().Seconds()))
	}
	if info.Timeout > 0 {
		attrs = append(attrs, attribute.Float64(AttrTimeout, info.Timeout.Seconds()))
	}
	if info.Attempt > 1 {
		attrs = append(attrs, attribute.Int(AttrAttempt, info.Attempt))
	}
	if req, ok := runner.RequestFrom(ctx); ok {
		attrs = appendRequest(attrs, req)
	}
	span.SetAttributes(attrs...)
	return ctx
}

// finished ends the process span. The callback may still be running if a drain
// abandoned it; what it does to its span from then on is lost.
func (t *tracing) finished(p *process, info runner.FinishedInfo) {
	if p == nil || p.span == nil || !p.span.IsRecording() {
		return // A span that does not record needs no end.
	}
	if info.Outcome == runner.Abandoned && info.Stack != "" {
		p.span.SetAttributes(semconv.CodeStacktrace(bounded(info.Stack, maxStack)))
	}
	end(p.span, info)
}

// retried ends the process span of an attempt that will be followed by another
// one: each attempt has a span of its own.
func (t *tracing) retried(p *process, info runner.RetriedInfo) {
	if p == nil || p.span == nil || !p.span.IsRecording() {
		return
	}
	p.span.SetAttributes(attribute.Int(AttrAttempt, info.Attempt), attribute.Float64(AttrRetryWait, info.Wait.Seconds()))
	end(p.span, runner.FinishedInfo{StartedInfo: info.StartedInfo, Outcome: info.Outcome, Err: info.Err, Finished: info.Finished})
}

// overran notes on the process span that the callback was found overrunning,
// and where it hangs.
func (t *tracing) overran(p *process, info runner.OverrunInfo) {
	if p == nil || p.span == nil || !p.span.IsRecording() {
		return
	}
	p.span.AddEvent(EventOverrun, trace.WithTimestamp(info.Started.Add(info.Ran)),
		trace.WithAttributes(semconv.CodeStacktrace(bounded(info.Stack, maxStack))))
}

// end ends a span as its callback, or the attempt, has ended.
func end(span trace.Span, info runner.FinishedInfo) {
	// Deferred, so that an error whose methods panic leaves no span open.
	defer span.End(trace.WithTimestamp(info.Finished))

	span.SetAttributes(attribute.String(AttrOutcome, info.Outcome.String()))
	if info.Timeout > 0 && info.Duration() > info.Timeout {
		span.AddEvent(EventDeadline, trace.WithTimestamp(info.Started.Add(info.Timeout)))
	}
	if info.Outcome == runner.Success {
		return
	}
	span.SetStatus(codes.Error, textOf(info.Err, maxStatus))
	if info.Outcome != runner.Abandoned { // That one has thrown nothing yet.
		span.AddEvent(semconv.ExceptionEventName, trace.WithTimestamp(info.Finished), trace.WithAttributes(exceptionOf(info.Outcome, info.Err)...))
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(errorTypeOf(info.Outcome, info.Err)))
}

// exceptionOf describes an error, or what a callback panicked with.
func exceptionOf(o runner.Outcome, err error) []attribute.KeyValue {
	var thrown any = err
	var panicked *runner.PanicError
	isPanic := o == runner.Panicked && errors.As(err, &panicked)
	if isPanic {
		thrown = panicked.Value
	}
	attrs := []attribute.KeyValue{
		semconv.ExceptionType(typeOf(thrown)),
		semconv.ExceptionMessage(textOf(thrown, maxError)),
	}
	if isPanic {
		attrs = append(attrs, semconv.ExceptionStacktrace(stackOf(panicked.Stack)))
	}
	return attrs
}

// errorTypeOf says in few different words what went wrong.
func errorTypeOf(o runner.Outcome, err error) (name string) {
	defer func() {
		if recover() != nil { // An Is, As or ErrorType method of the error has panicked.
			name = typeOf(err)
		}
	}()
	switch {
	case o != runner.Failed:
		return o.String()
	case errors.Is(err, runner.ErrGoexit):
		return "goexit"
	}
	return bounded(semconv.ErrorType(err).Value.AsString(), maxType)
}

// appendRequest adds what is bounded about a request: the route that matched,
// not the path, and the method if it is one that HTTP knows.
func appendRequest(attrs []attribute.KeyValue, req runner.Request) []attribute.KeyValue {
	if route := routeOf(req.Pattern); route != "" {
		attrs = append(attrs, semconv.HTTPRoute(bounded(route, maxRoute)))
	}
	switch req.Method {
	case "":
	case "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE":
		attrs = append(attrs, semconv.HTTPRequestMethodKey.String(req.Method))
	default: // A client may send any word.
		attrs = append(attrs, semconv.HTTPRequestMethodOther)
	}
	return attrs
}

// routeOf is the path of a pattern such as "POST example.com/orders/{id}".
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}
