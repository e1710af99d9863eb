package otelsetup

import (
	"context"
	"sync/atomic"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// queue bounds how many spans or log records wait for their export, and tells
// how many it drops. The SDK's batch processors have queues of their own, and
// drop in silence: this one takes no more than they do, so that they never have
// to.
type queue struct {
	size    int64
	dropped func(n int)
	waiting atomic.Int64
}

// enter reports whether there is room for one more.
func (q *queue) enter() bool {
	if q.waiting.Add(1) > q.size {
		q.waiting.Add(-1)
		q.dropped(1)
		return false
	}
	return true
}

// leave makes room: n are exported now, be it in vain.
func (q *queue) leave(n int) { q.waiting.Add(-int64(n)) }

// end gives up those that still wait.
func (q *queue) end() {
	if n := q.waiting.Swap(0); n > 0 {
		q.dropped(int(n))
	}
}

// spanQueue is the queue in front of a batch processor of spans.
type spanQueue struct {
	sdktrace.SpanProcessor
	queue *queue
}

// OnEnd implements [sdktrace.SpanProcessor].
func (p spanQueue) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.SpanContext().IsSampled() && p.queue.enter() {
		p.SpanProcessor.OnEnd(span)
	}
}

// recordQueue is the queue in front of a batch processor of log records.
type recordQueue struct {
	sdklog.Processor
	queue *queue
}

// OnEmit implements [sdklog.Processor].
func (p recordQueue) OnEmit(ctx context.Context, record *sdklog.Record) error {
	if !p.queue.enter() {
		return nil
	}
	return p.Processor.OnEmit(ctx, record)
}
