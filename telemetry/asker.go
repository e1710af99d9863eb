package telemetry

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// maxListed is how many events the asker's span gets of its callbacks. An SDK keeps
// 128 events of a span by default, and drops the oldest: a handler that asks for many
// callbacks would lose its own events, the exception among them.
const maxListed = 8

// noteAsked notes on the asker's span, which records, that it has asked for a callback.
// Beyond maxListed callbacks, attributes count them in place of events. Each callback
// overwrites the attributes, because nothing says which callback is the last one.
func (t *tracing) noteAsked(asker trace.Span, cb *runner.Callback, event string, more ...trace.EventOption) {
	id, count := asker.SpanContext(), askCount{asked: 1}
	if id.IsValid() { // an invalid id does not tell spans apart
		count = t.askers.count(id, event == names.EventRejected)
	}
	if count.asked <= maxListed {
		asker.AddEvent(event, append(more, trace.WithAttributes(namesOf(cb)...))...)
		return
	}
	if count.asked == maxListed+1 {
		asker.AddEvent(names.EventUnlisted)
	}
	// Another goroutine may count meanwhile: repeat until the attributes have the latest count.
	for told := (askCount{}); told != count; count = t.askers.read(id, told) {
		told = count
		attrs := [2]attribute.KeyValue{attribute.Int(names.AttrAskedCount, told.asked), attribute.Int(names.AttrRejectedCount, told.rejected)}
		asker.SetAttributes(attrs[:1+min(told.rejected, 1)]...)
	}
}

// namesOf says which callback it is.
func namesOf(cb *runner.Callback) []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 3),
		attribute.String(names.AttrRunner, cb.Runner),
		attribute.String(names.AttrCallbackName, cb.Name))
	if cb.Ref != "" {
		attrs = append(attrs, attribute.String(names.AttrRef, cb.Ref))
	}
	return attrs
}

// maxAskers bounds how many spans are remembered: the last ones that have asked, up
// to twice as many. A span that asks again when so many others have asked since then
// counts from 0.
const maxAskers = 4096

// askers counts what each span has asked for. Spans do not say how many events they
// have, nor when they end.
type askers struct {
	mu            sync.Mutex
	recent, older map[spanID]askCount // guarded by mu
}

type spanID struct {
	trace trace.TraceID
	span  trace.SpanID
}

type askCount struct{ asked, rejected int }

// count counts one more callback, and returns how many there are now.
func (a *askers) count(sc trace.SpanContext, isRejected bool) askCount {
	id := spanID{sc.TraceID(), sc.SpanID()}
	a.mu.Lock()
	defer a.mu.Unlock()
	n, known := a.recent[id]
	if !known {
		n = a.older[id]
		if a.recent == nil || len(a.recent) >= maxAskers {
			a.recent, a.older = make(map[spanID]askCount), a.recent
		}
	}
	n.asked++
	if isRejected {
		n.rejected++
	}
	a.recent[id] = n
	return n
}

// read returns how many there are now, and otherwise if the span is forgotten.
func (a *askers) read(sc trace.SpanContext, otherwise askCount) askCount {
	id := spanID{sc.TraceID(), sc.SpanID()}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n, known := a.recent[id]; known {
		return n
	}
	if n, known := a.older[id]; known {
		return n
	}
	return otherwise
}
