package pool

import (
	"context"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Part is something that a callback cannot do without, alone: what it costs is
// what no pool can save. The function ends what once uses.
type Part struct {
	Name string
	New  func() (once, end func())
}

// The parts that telemetry adds.
const (
	PartCaller    = "finding the line that asked, ten calls up the stack"
	PartUnsampled = "SDK, an unsampled span with a link"
	PartSampled   = "SDK, a sampled span with a link and eight attributes"
	PartEvent     = "SDK, the same, and an event on the request's span"
)

// Parts lists all.
func Parts() []Part {
	return append(EveryPart(), []Part{
		{"handing a cache line to another processor and getting it back", handover},
		{PartCaller, callers},
		{PartUnsampled, func() (func(), func()) { return span(Unsampled, false) }},
		{PartSampled, func() (func(), func()) { return span(Sampled, false) }},
		{PartEvent, func() (func(), func()) { return span(Sampled, true) }},
	}...)
}

// EveryPart lists those of every callback, whatever is observed.
func EveryPart() []Part {
	return []Part{
		{"reading the monotonic clock twice: when it was asked for, when one ends and the next starts", clock},
		{"allocating a context of 96 bytes", allocation},
		{"taking a record of 192 bytes from a sync.Pool, clearing it and putting it back", reuse},
		{"taking a lock nobody else wants, twice: to hand over, to end and take the next", locks},
		{"setting and resetting the pprof labels", labels},
	}
}

func nothing() {}

func clock() (func(), func()) {
	start := time.Now()
	var asked, ended time.Duration
	return func() { asked, ended = time.Since(start), time.Since(start) }, func() { runtime.KeepAlive([]time.Duration{asked, ended}) }
}

func allocation() (func(), func()) {
	var made *[12]*byte
	return func() { made = new([12]*byte) }, func() { runtime.KeepAlive(made) }
}

func reuse() (func(), func()) {
	records := sync.Pool{New: func() any { return new([24]*byte) }}
	return func() {
		record := records.Get().(*[24]*byte)
		*record = [24]*byte{}
		records.Put(record)
	}, nothing
}

// handover takes two processors: on one, it measures the scheduler.
func handover() (func(), func()) {
	var turn atomic.Int64 // even: ours
	await := func(n int64) bool {
		for spins := 1; ; spins++ {
			switch at := turn.Load(); {
			case at == n:
				return true
			case at < 0:
				return false
			case spins%1000 == 0:
				runtime.Gosched()
			}
		}
	}
	go func() {
		for n := int64(1); await(n); n += 2 {
			turn.Store(n + 1)
		}
	}()
	n := int64(0)
	return func() {
		turn.Store(n + 1)
		n += 2
		await(n)
	}, func() { turn.Store(-1) }
}

func locks() (func(), func()) {
	var mu sync.Mutex
	n := 0
	return func() {
		for range 2 {
			mu.Lock()
			n++
			mu.Unlock()
		}
	}, nothing
}

func labels() (func(), func()) {
	labeled := pprof.WithLabels(context.Background(), pprof.Labels("runner", "default", "callback", Name, "worker", "1"))
	return func() {
		pprof.SetGoroutineLabels(labeled)
		pprof.SetGoroutineLabels(context.Background())
	}, nothing
}

func callers() (func(), func()) {
	var pcs [13]uintptr
	var deep func(calls int)
	deep = func(calls int) {
		if calls > 0 {
			deep(calls - 1)
			return
		}
		runtime.Callers(1, pcs[:])
	}
	return func() { deep(10) }, nothing
}

// span is a span as package telemetry makes it of a callback, by the SDK's own
// calls and with options that are made beforehand where they can be.
func span(t Telemetry, event bool) (func(), func()) {
	r := newTracing(t)
	ctx, request := r.tracer.Start(context.Background(), "POST /orders")
	common := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("runner", "default"), attribute.String("callback", Name)),
	}
	attributes := []attribute.KeyValue{
		attribute.String("outcome", "success"), attribute.Float64("queue_wait", 0.001), attribute.Float64("timeout", 30),
		attribute.String("function", "main.order"), attribute.String("file", "main.go"), attribute.Int("line", 1),
	}
	asked := 0
	once := func() {
		if asked++; asked%TasksPerRequest == 0 { // the SDK keeps so many events
			request.End()
			ctx, request = r.tracer.Start(context.Background(), "POST /orders")
		}
		if event {
			request.AddEvent("scheduled", trace.WithAttributes(attribute.String("runner", "default"), attribute.String("callback", Name)))
		}
		_, s := r.tracer.Start(ctx, "process", append(common[:len(common):len(common)],
			trace.WithTimestamp(time.Now()), trace.WithLinks(trace.Link{SpanContext: request.SpanContext()}))...)
		if s.IsRecording() {
			s.SetAttributes(attributes...)
			s.End(trace.WithTimestamp(time.Now()))
		}
	}
	return once, func() { request.End(); r.close() }
}
