package telemetry

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
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

	telemetryErrors *prometheus.Desc
	buildInfo       prometheus.Metric
}

func newCollector(m *metrics, c *catalog, s *state, own *signals) *collector {
	built := desc(names.MetricBuildInfo, "", "Always 1; the labels tell what was built.", names.LabelVersion, names.LabelGoVersion)
	return &collector{
		metrics: m, catalog: c, state: s, signals: own,
		telemetryErrors: desc(names.MetricTelemetryErrors, "",
			"Failures of the telemetry itself, by signal: panics and runtime.Goexit. traces: also unusable answers of Config.RelationFor. flight: snapshots not written. observer: panics of any observer of a watched runner.",
			names.LabelSignal),
		buildInfo: prometheus.MustNewConstMetric(built, prometheus.GaugeValue, 1, version(), runtime.Version()),
	}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	m := c.metrics
	for _, d := range []*prometheus.Desc{
		m.callbacks, m.asked, m.retries, m.stuck, m.timeout, m.lastSuccess,
		m.queueWait, m.responseDelay, m.ranFor, c.telemetryErrors, c.buildInfo.Desc(),
	} {
		ch <- d
	}
	for _, v := range c.vectors() {
		v.Describe(ch)
	}
	c.state.describe(ch)
}

// Collect implements [prometheus.Collector]. It sends what has ended before what
// was asked for. A callback is counted as asked for before it is counted under
// an outcome; so whatever the first reading has seen, the second one has seen as
// well. The second one looks for runners and names anew, as there may be more.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, r := range *c.catalog.runners.Load() {
		r.each(func(_ string, cb *callbackEntry) {
			for _, o := range outcomesByName {
				ch <- cb.outcomes[o]
			}
		})
	}
	for _, r := range *c.catalog.runners.Load() {
		r.each(func(_ string, cb *callbackEntry) { c.collectCallback(ch, cb) })
		ch <- r.queueWait
		ch <- r.responseDelay
	}
	for _, v := range c.vectors() {
		v.Collect(ch)
	}
	panics := c.state.collect(ch)
	failed := func(signal string, n uint64) {
		ch <- prometheus.MustNewConstMetric(c.telemetryErrors, prometheus.CounterValue, float64(n), signal)
	}
	for _, s := range c.signals.all() {
		failed(s.name, s.failures.Load())
	}
	failed(names.SignalObserver, panics)
	ch <- c.buildInfo
}

// collectCallback sends what a name has besides its outcomes.
func (c *collector) collectCallback(ch chan<- prometheus.Metric, cb *callbackEntry) {
	ch <- cb.asked
	ch <- cb.retries
	ch <- cb.failure
	ch <- cb.success
	ch <- newGauge(c.metrics.stuck, float64(cb.stuck.Load()), cb.labels...)
	if t := cb.timeout.Load(); t > 0 {
		ch <- newGauge(c.metrics.timeout, time.Duration(t).Seconds(), cb.labels...)
	}
	if t := cb.lastSuccess.Load(); t != 0 {
		ch <- newGauge(c.metrics.lastSuccess, unixSeconds(time.Unix(0, t)), cb.labels...)
	}
}

// vectors lists what is kept by client_golang: what each runner has but few of.
func (c *collector) vectors() []prometheus.Collector {
	return []prometheus.Collector{
		c.metrics.rejected, c.metrics.namesFolded, c.metrics.shutdownDuration, c.metrics.shutdownLost,
	}
}

// outcomesByName are in the order in which a registry sorts their series, which
// is less work if they are sorted already.
var outcomesByName = func() []runner.Outcome {
	all := make([]runner.Outcome, runner.NumOutcomes)
	for o := range all {
		all[o] = runner.Outcome(o)
	}
	slices.SortFunc(all, func(a, b runner.Outcome) int { return strings.Compare(a.String(), b.String()) })
	return all
}()
