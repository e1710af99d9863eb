package telemetry

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// metrics counts what the events say. Its vectors are read by the collector,
// which decides the order of a scrape.
type metrics struct {
	callbacks, scheduled, rejected   *prometheus.CounterVec
	namesFolded, shutdownLost        *prometheus.CounterVec
	retries                          *prometheus.CounterVec
	overrunning                      *prometheus.GaugeVec
	queueWait, responseDelay, ranFor *prometheus.HistogramVec
	shutdownDuration                 *prometheus.GaugeVec
}

// runnerMetrics are the series of one runner, looked up once.
type runnerMetrics struct {
	rejected                  map[runner.Reason]prometheus.Counter // never written after newRunner
	namesFolded, shutdownLost prometheus.Counter
	queueWait, responseDelay  prometheus.Observer
}

// callbackMetrics are the series of one callback name of a runner, looked up
// once.
type callbackMetrics struct {
	outcomes         [runner.NumOutcomes]prometheus.Counter
	scheduled        prometheus.Counter
	retries          prometheus.Counter
	overrunning      prometheus.Gauge
	success, failure *rememberingHistogram

	// These two are gauges that may be absent, so the collector makes them.
	timeout     atomic.Int64 // a time.Duration; 0: none
	lastSuccess atomic.Int64 // Unix nanoseconds; 0: never
}

func newMetrics(cfg Config) *metrics {
	return &metrics{
		callbacks: counters(MetricCallbacks,
			"Callbacks that came to an end, by outcome. Each callback asked for ends here exactly once.",
			LabelRunner, LabelCallback, LabelOutcome),
		scheduled: counters(MetricScheduled,
			"Callbacks asked for, refused ones included. Minus afterglow_callbacks_total: reserved, queued or running.",
			LabelRunner, LabelCallback),
		rejected: counters(MetricRejected,
			"Callbacks refused when they were asked for, by reason.",
			LabelRunner, LabelReason),
		namesFolded: counters(MetricNamesFolded,
			"Callbacks asked for under a name beyond the limit of names, and therefore counted as other.",
			LabelRunner),
		shutdownLost: counters(MetricShutdownLost,
			"Callbacks that a drain kept from coming to their own end.",
			LabelRunner),
		retries: counters(MetricRetries,
			"Attempts beyond the first.",
			LabelRunner, LabelCallback),
		overrunning: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: MetricOverrunning,
			Help: "Callbacks that run on past their deadline and grace: each is a goroutine that ignores its context.",
		}, []string{LabelRunner, LabelCallback}),
		queueWait: histograms(MetricQueueWait, cfg.WaitBuckets,
			"Time from being due to being started by a worker.",
			LabelRunner),
		responseDelay: histograms(MetricResponseDelay, cfg.WaitBuckets,
			"Time from being asked for to the end of the response, for callbacks that had to wait for it.",
			LabelRunner),
		ranFor: histograms(MetricCallbackDuration, cfg.DurationBuckets,
			"Run time of each attempt that was started, by result.",
			LabelRunner, LabelCallback, LabelResult),
		shutdownDuration: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: MetricShutdownDuration, Unit: seconds,
			Help: "How long the last drain took. Absent before the first.",
		}, []string{LabelRunner}),
	}
}

const seconds = "seconds"

// ownLabels are the labels of all metrics.
func ownLabels() []string {
	return []string{LabelRunner, LabelCallback, LabelOutcome, LabelReason, LabelResult, LabelSignal, LabelVersion, LabelGoVersion}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// histograms are of seconds. They are classic and native at once: a scraper
// takes what it asks for. The native part is bounded by its number of buckets;
// it is reset at most once an hour to get back to its full resolution.
func histograms(name string, buckets []float64, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help, Unit: seconds,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}, labels)
}

// desc describes what the collectors make at each scrape.
func desc(name, unit, help string, labels ...string) *prometheus.Desc {
	return prometheus.V2.NewDesc(name, help, prometheus.UnconstrainedLabels(labels), nil, prometheus.WithUnit(unit))
}

// newRunner makes every series of a runner, so that they exist at 0.
func (m *metrics) newRunner(name string) runnerMetrics {
	r := runnerMetrics{
		rejected:      make(map[runner.Reason]prometheus.Counter),
		namesFolded:   m.namesFolded.WithLabelValues(name),
		shutdownLost:  m.shutdownLost.WithLabelValues(name),
		queueWait:     m.queueWait.WithLabelValues(name),
		responseDelay: m.responseDelay.WithLabelValues(name),
	}
	for _, reason := range []runner.Reason{
		runner.ReasonQueueFull, runner.ReasonClosed, runner.ReasonMaxWait,
		runner.ReasonNested, runner.ReasonOverrunning, runner.ReasonCanceled,
	} {
		r.rejected[reason] = m.rejected.WithLabelValues(name, string(reason))
	}
	return r
}

// newCallback makes every series of a callback's name, so that they exist at 0.
func (m *metrics) newCallback(runnerName, name string) *callbackMetrics {
	c := &callbackMetrics{
		scheduled:   m.scheduled.WithLabelValues(runnerName, name),
		retries:     m.retries.WithLabelValues(runnerName, name),
		overrunning: m.overrunning.WithLabelValues(runnerName, name),
		success:     newRemembering(m.ranFor.WithLabelValues(runnerName, name, ResultSuccess)),
		failure:     newRemembering(m.ranFor.WithLabelValues(runnerName, name, ResultFailure)),
	}
	for o := range runner.NumOutcomes {
		c.outcomes[o] = m.callbacks.WithLabelValues(runnerName, name, o.String())
	}
	return c
}

// asked counts a callback as asked for. It comes before the same callback is
// counted under an outcome: a scrape relies on it.
func (m *metrics) asked(e entry, cb runner.Callback) {
	e.callback.scheduled.Inc()
	if e.folded {
		e.runner.namesFolded.Inc()
		return // A timeout shared by many names would be one of them at random.
	}
	// Loading first keeps the cache line shared while nothing changes.
	if t := int64(cb.Timeout); e.callback.timeout.Load() != t {
		e.callback.timeout.Store(t)
	}
}

func (m *metrics) rejectedOne(e entry, info runner.RejectedInfo) {
	m.asked(e, info.Callback)
	c, ok := e.runner.rejected[info.Reason]
	if !ok { // A reason that a later runner has and this package does not know.
		c = m.rejected.WithLabelValues(e.runner.name, string(info.Reason))
	}
	c.Inc()
	e.callback.outcomes[runner.Rejected].Inc()
}

func (m *metrics) started(e entry, info runner.StartedInfo) {
	e.runner.queueWait.Observe(info.QueueWait().Seconds())
	if info.AfterResponse && info.Attempt == 1 { // one response, though there may be many attempts
		e.runner.responseDelay.Observe(info.ResponseDelay().Seconds())
	}
}

func (m *metrics) finished(e entry, p *process, info runner.FinishedInfo) {
	if !info.Started.IsZero() {
		h := e.callback.failure
		if info.Outcome == runner.Success {
			h = e.callback.success
		}
		h.observe(info.Duration().Seconds(), p.spanContext())
	}
	if info.Overran {
		e.callback.overrunning.Dec()
	}
	if info.Outcome == runner.Success {
		storeMax(&e.callback.lastSuccess, info.Finished.UnixNano())
	}
	e.callback.outcomes[info.Outcome].Inc()
}

// retried counts the end of an attempt that will be followed by another one.
func (m *metrics) retried(e entry, p *process, info runner.RetriedInfo) {
	e.callback.failure.observe(info.Duration().Seconds(), p.spanContext())
	if info.Overran {
		e.callback.overrunning.Dec()
	}
	e.callback.retries.Inc()
}

func (m *metrics) overran(e entry) { e.callback.overrunning.Inc() }

func (m *metrics) drainFinished(r *runnerEntry, report runner.Report) {
	m.shutdownDuration.WithLabelValues(r.name).Set(report.Duration.Seconds())
	r.shutdownLost.Add(float64(len(report.Lost)))
}

// observe adds an exemplar only if its trace is kept: one that leads nowhere
// is worse than none, and making it costs more than the observation.
func observe(h prometheus.Observer, v float64, sc trace.SpanContext) {
	if eo, ok := h.(prometheus.ExemplarObserver); ok && sc.IsValid() && sc.IsSampled() {
		eo.ObserveWithExemplar(v, prometheus.Labels{
			ExemplarTraceID: sc.TraceID().String(),
			ExemplarSpanID:  sc.SpanID().String(),
		})
		return
	}
	h.Observe(v)
}

// storeMax raises a to v: callbacks may be counted in another order than they
// ended in.
func storeMax(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if old >= v || a.CompareAndSwap(old, v) {
			return
		}
	}
}

// unixSeconds is t as Prometheus writes times.
func unixSeconds(t time.Time) float64 {
	return math.Round(float64(t.UnixNano())/1e3) / 1e6
}
