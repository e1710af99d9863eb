package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// instrument is what a careful engineer writes around a pool's tasks: a
// deadline, a recovered panic, a counter, two histograms, a gauge, and a span
// linked to the request's. It is written to be fast: series are looked up once,
// options that never change are made once.
type instrument struct {
	tracing *tracing
	linked  bool         // the content of Afterglow's: exemplars, events on the request's span, eight attributes
	tracer  trace.Tracer // nil: no spans
	start   []trace.SpanStartOption

	success, failure, timeout, panicked prometheus.Counter
	waited, ran                         prometheus.Observer
	running                             prometheus.Gauge
}

// job is a task with what is known of it when it is asked for.
type job struct {
	by    *instrument
	ctx   context.Context
	task  func(context.Context) error
	asked time.Time
}

// jobPool is a pool that an instrument can be put around.
type jobPool interface {
	Pool
	submit(job)
}

func newInstrument(t Telemetry, linked bool) *instrument {
	results := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tasks_total", Help: "Tasks, by result."}, []string{"task", "result"})
	waited := Histogram("task_wait_seconds", "Time from being asked for to the start.")
	ran := Histogram("task_duration_seconds", "Run time.")
	running := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tasks_running", Help: "Tasks that run."}, []string{"task"})
	prometheus.NewRegistry().MustRegister(results, waited, ran, running)
	i := &instrument{
		tracing:  newTracing(t),
		linked:   linked,
		success:  results.WithLabelValues(Name, "success"),
		failure:  results.WithLabelValues(Name, "error"),
		timeout:  results.WithLabelValues(Name, "timeout"),
		panicked: results.WithLabelValues(Name, "panic"),
		waited:   waited.WithLabelValues(Name),
		ran:      ran.WithLabelValues(Name),
		running:  running.WithLabelValues(Name),
	}
	if t >= NoopTracer {
		i.tracer = i.tracing.tracer
		i.start = []trace.SpanStartOption{
			trace.WithNewRoot(),
			trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attribute.String("task.name", Name)),
		}
		if linked {
			i.start = append(i.start, trace.WithAttributes(attribute.String("pool", "default")))
		}
	}
	return i
}

// Histogram has the buckets that package telemetry has, classic and native, so
// that both sides do the same work for an observation.
func Histogram(name, help string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help,
		Buckets:                         []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, []string{"task"})
}

// line is where the task is asked for, which is known where this is written.
var line = [...]attribute.KeyValue{
	attribute.String("code.function.name", "main.order"), attribute.String("code.file.path", "main.go"), attribute.Int("code.line.number", 1),
}

// run runs the job. The books are closed in a deferred call, as a panic must
// not skip them.
func (j job) run() {
	i, start := j.by, time.Now()
	wait := start.Sub(j.asked)
	i.waited.Observe(wait.Seconds())
	i.running.Inc()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(j.ctx), Timeout)
	defer cancel()
	var span trace.Span
	if i.tracer != nil {
		ctx, span = i.startSpan(ctx, start, wait)
	}
	var err error
	defer func() {
		result, name := i.success, "success"
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
			result, name = i.panicked, "panic"
		} else if err != nil {
			result, name = i.failure, "error"
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				result, name = i.timeout, "timeout"
			}
		}
		i.observeRun(time.Since(start), span)
		i.running.Dec()
		result.Inc()
		if span != nil && span.IsRecording() {
			result := attribute.String("task.result", name)
			if i.linked {
				span.SetAttributes(result, line[0], line[1], line[2])
			} else {
				span.SetAttributes(result)
			}
			if err != nil {
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
		}
	}()
	err = j.task(ctx)
}

func (i *instrument) observeRun(d time.Duration, span trace.Span) {
	if i.linked && span != nil && span.SpanContext().IsSampled() {
		i.ran.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{
			"trace_id": span.SpanContext().TraceID().String(),
			"span_id":  span.SpanContext().SpanID().String(),
		})
		return
	}
	i.ran.Observe(d.Seconds())
}

// asked notes on the request's span that it asks for a task.
func (i *instrument) asked(ctx context.Context, at time.Time) {
	if span := trace.SpanFromContext(ctx); i.linked && span.IsRecording() {
		span.AddEvent("task asked for", trace.WithTimestamp(at), trace.WithAttributes(
			attribute.String("pool", "default"), attribute.String("task.name", Name)))
	}
}

func (i *instrument) startSpan(ctx context.Context, start time.Time, wait time.Duration) (context.Context, trace.Span) {
	options := append(make([]trace.SpanStartOption, 0, len(i.start)+2), i.start...)
	options = append(options, trace.WithTimestamp(start))
	if asker := trace.SpanContextFromContext(ctx); asker.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: asker}))
	}
	ctx, span := i.tracer.Start(ctx, "process "+Name, options...)
	if span.IsRecording() {
		span.SetAttributes(
			attribute.Float64("task.wait", wait.Seconds()),
			attribute.Float64("task.timeout", Timeout.Seconds()))
	}
	return ctx, span
}

// instrumented is a pool whose tasks an instrument looks after.
type instrumented struct {
	pool jobPool
	by   *instrument
}

func byHand(inner func(Size) Pool, t Telemetry) func(Size) Pool {
	return func(s Size) Pool { return instrumented{inner(s).(jobPool), newInstrument(t, false)} }
}

// byHandLinked has exemplars and events in addition.
func byHandLinked(inner func(Size) Pool, t Telemetry) func(Size) Pool {
	return func(s Size) Pool { return instrumented{inner(s).(jobPool), newInstrument(t, true)} }
}

func (p instrumented) Prepare(task func()) Submit {
	run := func(context.Context) error { task(); return nil }
	return func(ctx context.Context) {
		now := time.Now()
		p.by.asked(ctx, now)
		p.pool.submit(job{by: p.by, ctx: ctx, task: run, asked: now})
	}
}

func (p instrumented) Request() (context.Context, func()) { return p.by.tracing.request() }

func (p instrumented) Close() {
	p.pool.Close()
	p.by.tracing.close()
}
