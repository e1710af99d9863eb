package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// collector is what is registered: one for everything, because the order of a
// scrape is a promise. A registry calls its collectors concurrently, but it
// takes what one of them sends in the order it was sent, and reads each value
// as it takes it.
type collector struct {
	metrics *metrics
	catalog *catalog
	state   *state
	signals *signals

	timeout, lastSuccess, telemetryErrors *prometheus.Desc
	buildInfo                             prometheus.Metric
}

func newCollector(m *metrics, c *catalog, s *state, own *signals) *collector {
	built := desc(MetricBuildInfo, "", "Always 1; the labels tell what was built.", LabelVersion, LabelGoVersion)
	return &collector{
		metrics: m, catalog: c, state: s, signals: own,
		timeout: desc(MetricCallbackTimeout, seconds,
			"Timeout of the callback asked for last. Absent if it has none, and for folded names.",
			LabelRunner, LabelCallback),
		lastSuccess: desc(MetricLastSuccess, seconds,
			"When a callback last succeeded. Absent before the first success.",
			LabelRunner, LabelCallback),
		telemetryErrors: desc(MetricTelemetryErrors, "",
			"Failures of the telemetry itself, by signal: panics and runtime.Goexit. traces: also unusable answers of Config.RelationFor. flight: snapshots not written. observer: panics of any observer of a watched runner.",
			LabelSignal),
		buildInfo: prometheus.MustNewConstMetric(built, prometheus.GaugeValue, 1, version(), runtime.Version()),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range c.inOrder() {
		v.Describe(ch)
	}
	c.metrics.ranFor.Describe(ch)
	c.state.describe(ch)
	for _, d := range []*prometheus.Desc{c.timeout, c.lastSuccess, c.telemetryErrors, c.buildInfo.Desc()} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, v := range c.inOrder() {
		v.Collect(ch)
	}
	for _, r := range *c.catalog.runners.Load() {
		r.each(func(name string, cb *callbackEntry) {
			ch <- cb.success
			ch <- cb.failure
			if t := cb.timeout.Load(); t > 0 {
				ch <- prometheus.MustNewConstMetric(c.timeout, prometheus.GaugeValue, time.Duration(t).Seconds(), r.name, name)
			}
			if t := cb.lastSuccess.Load(); t != 0 {
				ch <- prometheus.MustNewConstMetric(c.lastSuccess, prometheus.GaugeValue, unixSeconds(time.Unix(0, t)), r.name, name)
			}
		})
	}
	panics := c.state.collect(ch)
	failed := func(signal string, n uint64) {
		ch <- prometheus.MustNewConstMetric(c.telemetryErrors, prometheus.CounterValue, float64(n), signal)
	}
	for _, s := range c.signals.all() {
		failed(s.name, s.failures.Load())
	}
	failed(SignalObserver, panics)
	ch <- c.buildInfo
}

// inOrder lists the vectors as a scrape must read them: what has ended before
// what was asked for. A callback is counted as asked for before it is counted
// under an outcome; so whatever the first reading has seen, the second one has
// seen as well.
func (c *collector) inOrder() []prometheus.Collector {
	return []prometheus.Collector{
		c.metrics.callbacks,
		c.metrics.scheduled,
		c.metrics.rejected,
		c.metrics.retries,
		c.metrics.overrunning,
		c.metrics.namesFolded,
		c.metrics.queueWait,
		c.metrics.responseDelay,
		c.metrics.shutdownDuration,
		c.metrics.shutdownLost,
	}
}
