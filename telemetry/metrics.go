package telemetry

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// metrics counts what the events say. Its descriptions and vectors are read by
// the collector, which decides the order of a scrape.
type metrics struct {
	callbacks, asked, retries, stuck *prometheus.Desc
	timeout, lastSuccess             *prometheus.Desc
	queueWait, responseDelay, ranFor *prometheus.Desc
	waits, durations                 *scale

	rejected, namesFolded, shutdownLost *prometheus.CounterVec
	shutdownDuration                    *prometheus.GaugeVec
}

// runnerMetrics are the series of one runner, looked up once.
type runnerMetrics struct {
	rejected                  map[runner.Reason]prometheus.Counter // never written after newRunner
	namesFolded, shutdownLost prometheus.Counter
	queueWait, responseDelay  *histogram
}

// callbackMetrics are the series of one callback name of a runner.
type callbackMetrics struct {
	labels           labels // of the name, not of the outcome or result
	outcomes         [runner.NumOutcomes]*counter
	asked, retries   *counter
	success, failure *histogram

	// These are gauges, which the collector makes; the last two may be absent.
	stuck       atomic.Int64
	timeout     atomic.Int64 // a time.Duration; 0: none
	lastSuccess atomic.Int64 // Unix nanoseconds; 0: never
}

func newMetrics(cfg Config) *metrics {
	return &metrics{
		callbacks: desc(names.MetricCallbacks, "",
			"Callbacks that came to an end, by outcome. Each callback asked for ends here exactly once.",
			names.LabelRunner, names.LabelCallback, names.LabelOutcome),
		asked: desc(names.MetricAsked, "",
			"Callbacks asked for, rejected ones included. Minus afterglow_callbacks_total: reserved, queued or running.",
			names.LabelRunner, names.LabelCallback),
		rejected: counters(names.MetricRejected,
			"Callbacks rejected when they were asked for, by reason.",
			names.LabelRunner, names.LabelReason),
		namesFolded: counters(names.MetricNamesFolded,
			"Callbacks asked for under a name beyond the limit of names, and therefore counted as other.",
			names.LabelRunner),
		shutdownLost: counters(names.MetricShutdownLost,
			"Callbacks that a drain kept from coming to their own end.",
			names.LabelRunner),
		retries: desc(names.MetricRetries, "",
			"Attempts beyond the first.",
			names.LabelRunner, names.LabelCallback),
		stuck: desc(names.MetricStuck, "",
			"Callbacks that are stuck: they run on past their deadline and grace. Each is a goroutine that ignores its context.",
			names.LabelRunner, names.LabelCallback),
		timeout: desc(names.MetricCallbackTimeout, seconds,
			"Timeout of the callback asked for last. Absent if it has none, and for folded names.",
			names.LabelRunner, names.LabelCallback),
		lastSuccess: desc(names.MetricLastSuccess, seconds,
			"When a callback last succeeded. Absent before the first success.",
			names.LabelRunner, names.LabelCallback),
		queueWait: desc(names.MetricQueueWait, seconds,
			"Time from being due to being started by a worker.",
			names.LabelRunner),
		responseDelay: desc(names.MetricResponseDelay, seconds,
			"Time from being asked for to the end of the response, for callbacks that had to wait for it.",
			names.LabelRunner),
		ranFor: desc(names.MetricCallbackDuration, seconds,
			"Run time of each attempt that was started, by result.",
			names.LabelRunner, names.LabelCallback, names.LabelResult),
		shutdownDuration: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: names.MetricShutdownDuration, Unit: seconds,
			Help: "How long the last drain took. Absent before the first.",
		}, []string{names.LabelRunner}),
		waits:     newScale(cfg.WaitBuckets),
		durations: newScale(cfg.DurationBuckets),
	}
}

const seconds = "seconds"

// ownLabels are the labels of all metrics.
func ownLabels() []string {
	return []string{names.LabelRunner, names.LabelCallback, names.LabelOutcome, names.LabelReason, names.LabelResult, names.LabelSignal, names.LabelVersion, names.LabelGoVersion}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// desc describes what client_golang has no vector of.
func desc(name, unit, help string, labels ...string) *prometheus.Desc {
	return prometheus.V2.NewDesc(name, help, prometheus.UnconstrainedLabels(labels), nil, prometheus.WithUnit(unit))
}

// newRunner makes every series of a runner, so that they exist at 0.
func (m *metrics) newRunner(name string) runnerMetrics {
	ofRunner := label(names.LabelRunner, name)
	r := runnerMetrics{
		rejected:      make(map[runner.Reason]prometheus.Counter),
		namesFolded:   m.namesFolded.WithLabelValues(name),
		shutdownLost:  m.shutdownLost.WithLabelValues(name),
		queueWait:     newHistogram(m.queueWait, m.waits, ofRunner),
		responseDelay: newHistogram(m.responseDelay, m.waits, ofRunner),
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
// The labels of each are in the order of their names.
func (m *metrics) newCallback(runnerName, name string) *callbackMetrics {
	callback, ofRunner := label(names.LabelCallback, name), label(names.LabelRunner, runnerName)
	c := &callbackMetrics{
		labels:  labels{callback, ofRunner},
		asked:   newCounter(m.asked, callback, ofRunner),
		retries: newCounter(m.retries, callback, ofRunner),
		success: newHistogram(m.ranFor, m.durations, callback, label(names.LabelResult, names.ResultSuccess), ofRunner),
		failure: newHistogram(m.ranFor, m.durations, callback, label(names.LabelResult, names.ResultFailure), ofRunner),
	}
	for o := range runner.NumOutcomes {
		c.outcomes[o] = newCounter(m.callbacks, callback, label(names.LabelOutcome, o.String()), ofRunner)
	}
	return c
}

// askedOne counts a callback as asked for. It comes before the same callback is
// counted under an outcome: a scrape relies on it.
func (m *metrics) askedOne(e entry, cb *runner.Callback) {
	e.callback.asked.inc()
	if e.folded {
		e.runner.namesFolded.Inc()
		return // A timeout shared by many names would be one of them at random.
	}
	// Loading first keeps the cache line shared while nothing changes.
	if t := int64(cb.Timeout); e.callback.timeout.Load() != t {
		e.callback.timeout.Store(t)
	}
}

func (m *metrics) rejectedOne(e entry, info *runner.RejectedInfo) {
	m.askedOne(e, &info.Callback)
	c, ok := e.runner.rejected[info.Reason]
	if !ok { // A reason that a later runner has and this package does not know.
		c = m.rejected.WithLabelValues(e.runner.name, string(info.Reason))
	}
	c.Inc()
	e.callback.outcomes[runner.Rejected].inc()
}

func (m *metrics) started(e entry, info *runner.StartedInfo) {
	e.runner.queueWait.observe(info.QueueWait())
	if info.AfterResponse && info.Attempt == 1 { // one response, though there may be many attempts
		e.runner.responseDelay.observe(info.ResponseDelay())
	}
}

func (m *metrics) finished(e entry, p *process, info *runner.FinishedInfo) {
	if !info.Started.IsZero() {
		h := e.callback.failure
		if info.Outcome == runner.Success {
			h = e.callback.success
		}
		h.observeRun(info.Duration(), p, info.Finished)
	}
	if info.Overran {
		e.callback.stuck.Add(-1)
	}
	if info.Outcome == runner.Success {
		storeMax(&e.callback.lastSuccess, info.Finished.UnixNano())
	}
	e.callback.outcomes[info.Outcome].inc()
}

// retried counts the end of an attempt that will be followed by another one.
func (m *metrics) retried(e entry, p *process, info *runner.RetriedInfo) {
	e.callback.failure.observeRun(info.Duration(), p, info.Finished)
	if info.Overran {
		e.callback.stuck.Add(-1)
	}
	e.callback.retries.inc()
}

func (m *metrics) foundStuck(e entry) { e.callback.stuck.Add(1) }

func (m *metrics) drainFinished(r *runnerEntry, report runner.Report) {
	m.shutdownDuration.WithLabelValues(r.name).Set(report.Duration.Seconds())
	r.shutdownLost.Add(float64(len(report.Lost)))
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
