package otelsetup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// MetricFailures counts what went wrong with exports, by signal.
const MetricFailures = "otel_export_failures_total"

// MetricDropped counts what was never exported, by signal: traces or logs.
const MetricDropped = "otel_export_dropped_total"

// logEvery is the least time between two records about one signal.
const logEvery = 10 * time.Second

// failures counts each error of the SDK and logs some: a backend that is down
// makes several a second.
type failures struct {
	count, dropped *prometheus.CounterVec
	log            *slog.Logger

	mu     sync.Mutex
	silent map[string]*silence // by signal, and apart from that drops+signal; guarded by mu
}

// silence is the time since the last record.
type silence struct {
	since      time.Time
	suppressed int
}

func newFailures(reg prometheus.Registerer, logger *slog.Logger) (*failures, error) {
	f := &failures{
		log: logger, silent: make(map[string]*silence),
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: MetricFailures,
			Help: "Exports of spans, metrics and log records that failed, and other errors of the OpenTelemetry SDK.",
		}, []string{"signal"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: MetricDropped,
			Help: "Spans and log records for which the export queue was full, or that it still held when the end gave up.",
		}, []string{"signal"}),
	}
	for _, signal := range signals {
		f.count.WithLabelValues(signal)
		f.silent[signal], f.silent[drops+signal] = &silence{}, &silence{}
	}
	if err := reg.Register(f.count); err != nil {
		return nil, err
	}
	if err := reg.Register(f.dropped); err != nil {
		reg.Unregister(f.count)
		return nil, err
	}
	return f, nil
}

func (f *failures) unregister(reg prometheus.Registerer) {
	reg.Unregister(f.count)
	reg.Unregister(f.dropped)
}

// queue returns the queue of a signal, which counts here what it drops.
func (f *failures) queue(signal string, size int) *queue {
	dropped := f.dropped.WithLabelValues(signal)
	return &queue{size: int64(size), dropped: func(n int) {
		dropped.Add(float64(n))
		if suppressed, ok := f.speak(drops+signal, time.Now()); ok {
			f.log.Warn("telemetry dropped, it comes faster than it is exported", "signal", signal, "dropped", n, "suppressed", suppressed)
		}
	}}
}

// Handle is the process's handler of OpenTelemetry's errors.
func (f *failures) Handle(err error) {
	// An export that was under way when its signal was shut down: the last
	// export, which follows, has the same metrics. Nothing else is canceled; what
	// takes too long exceeds a deadline. The exporters wrap the cause of their
	// context, so that gRPC's error, which is no context.Canceled, is found too;
	// what a backend says of a cancellation of its own is not.
	if errors.Is(err, context.Canceled) {
		return
	}
	owner, signal := f.origin(err)
	owner.count.WithLabelValues(signal).Inc()
	if suppressed, ok := owner.speak(signal, time.Now()); ok {
		owner.log.Warn("telemetry could not be exported", "signal", signal, "error", err, "suppressed", suppressed)
	}
}

// speak reports whether to log now, and how many were suppressed before.
func (f *failures) speak(about string, now time.Time) (suppressed int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.silent[about]
	if now.Sub(s.since) < logEvery {
		s.suppressed++
		return 0, false
	}
	suppressed = s.suppressed
	*s = silence{since: now}
	return suppressed, true
}

// end logs what was suppressed since the last record about each signal.
func (f *failures) end() {
	for _, signal := range signals {
		if suppressed := f.rest(signal); suppressed > 0 {
			f.log.Warn("more telemetry could not be exported", "signal", signal, "suppressed", suppressed)
		}
		if suppressed := f.rest(drops + signal); suppressed > 0 {
			f.log.Warn("more telemetry dropped", "signal", signal, "suppressed", suppressed)
		}
	}
}

// rest takes what was suppressed since the last record.
func (f *failures) rest(about string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	suppressed := f.silent[about].suppressed
	f.silent[about].suppressed = 0
	return suppressed
}

// drops begins the key of the silence about what a queue has dropped: it must
// not hide why exports fail.
const drops = "drops of "

// other are errors that are not of the export of one signal.
const other = "other"

// signals are all that failures are told apart by.
var signals = []string{Traces, Metrics, Logs, other}

// origin returns the setup in which an error counts, and its signal. The process has one handler of
// errors for all setups, and one whose Shutdown has given up may still export. The exporters of spans and of log
// records are wrapped, so their errors name the setup. A reader of metrics hides its exporter: its errors
// are known by their text, and count in the setup that has the handler.
func (f *failures) origin(err error) (owner *failures, signal string) {
	var export *exportError
	switch {
	case errors.As(err, &export):
		return export.owner, export.signal
	case strings.Contains(err.Error(), "upload metrics"), strings.Contains(err.Error(), "upload incomplete metrics"):
		return f, Metrics
	}
	return f, other
}

// exportError is of the export of a signal.
type exportError struct {
	owner  *failures // that it counts in
	signal string
	err    error
}

func (e *exportError) Error() string { return fmt.Sprintf("%s: %v", e.signal, e.err) }
func (e *exportError) Unwrap() error { return e.err }

// spanExporter says whose its errors are. It keeps those of the end, which the
// batch processor tells to nobody but the process's handler.
type spanExporter struct {
	sdktrace.SpanExporter
	failures *failures
	queue    *queue // that the spans have waited in

	mu     sync.Mutex
	ending bool  // guarded by mu
	failed error // the last one since ending is set; guarded by mu
}

func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.queue.leave(len(spans))
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		return nil
	}
	err = &exportError{e.failures, Traces, err}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ending {
		e.failed = err
	}
	return err
}

// begin begins the end.
func (e *spanExporter) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ending = true
}

// lost is why spans were lost since the end began.
func (e *spanExporter) lost() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

// logExporter likewise.
type logExporter struct {
	sdklog.Exporter
	failures *failures
	queue    *queue
}

func (e logExporter) Export(ctx context.Context, records []sdklog.Record) error {
	e.queue.leave(len(records))
	if err := e.Exporter.Export(ctx, records); err != nil {
		return &exportError{e.failures, Logs, err}
	}
	return nil
}
