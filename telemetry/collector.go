package telemetry

import (
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// collector exposes the books of the observed runners. It reads each runner once a
// scrape, so what a scrape shows of a runner is of one moment and balances.
type collector struct {
	*metrics

	runners *runners
	catalog *catalog
	signals *signals

	mu         sync.Mutex
	histograms map[series]*histogramSeries   // guarded by mu, as what it points to is
	pairs      map[sampleID][]*dto.LabelPair // guarded by mu
}

// series is what tells one histogram from another.
type series struct {
	desc                     *prometheus.Desc
	runner, callback, result string
}

func newCollector(rs *runners, c *catalog, own *signals) *collector {
	return &collector{metrics: newMetrics(nil), runners: rs, catalog: c, signals: own, histograms: make(map[series]*histogramSeries), pairs: make(map[sampleID][]*dto.LabelPair)}
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.all() {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Exemplars are read first: what is one of them is counted in what is read
	// afterwards.
	exemplars := c.catalog.readExemplars()
	var panics uint64
	for _, r := range c.runners.read() {
		c.collectRunner(ch, &r)
		for i := range r.Callbacks {
			c.collectCallback(ch, &r, &r.Callbacks[i], exemplars)
		}
		panics += r.ObserverPanics
	}
	for m, n := range runner.Misuses() {
		ch <- c.total(c.misuse, n, nil, runner.Misuse(m).String())
	}
	for _, s := range c.signals.all() {
		ch <- c.total(c.telemetryErrors, s.failures.Load(), nil, s.name)
	}
	ch <- c.total(c.telemetryErrors, panics, nil, names.SignalObserver)
	ch <- c.gauge(c.buildInfo, 1, version(), runtime.Version())
}

// collectRunner sends what a runner has.
func (c *collector) collectRunner(ch chan<- prometheus.Metric, r *read) {
	for reason, n := range r.Rejections {
		if runner.Reason(reason) != runner.ReasonStore { // of durable tasks only
			ch <- c.total(c.rejected, n, r.opened, r.Name, runner.Reason(reason).String())
		}
	}
	c.collectPool(ch, r)
	ch <- c.total(c.shutdownLost, uint64(r.Lost), r.opened, r.Name)
	ch <- c.histogram(series{desc: c.responseDelay, runner: r.Name}, r, r.ResponseDelay, nil)
	ch <- c.gauge(c.depth, float64(r.Depth), r.Name)
	ch <- c.gauge(c.capacity, float64(r.Capacity), r.Name)
	ch <- c.gauge(c.highWater, float64(r.HighWater), r.Name)
	for p, places := range r.Places {
		state := runner.Place(p).String()
		ch <- c.gauge(c.places, float64(places.Taken), r.Name, state)
		ch <- c.gauge(c.placesLimit, float64(places.Limit), r.Name, state)
	}
	ch <- c.gauge(c.onTime, float64(r.OnTime), r.Name)
	ch <- c.gauge(c.oldest, unixSeconds(r.OldestDue), r.Name)
	ch <- c.gauge(c.oldestAge, secondsSince(r.OldestDue), r.Name)
	ch <- c.gauge(c.stalled, r.Stalled.Seconds(), r.Name)
}

// collectPool sends what a runner has in common with a queue of durable tasks.
func (c *collector) collectPool(ch chan<- prometheus.Metric, r *read) {
	ch <- c.total(c.folded, r.Folded, r.opened, r.Name)
	if r.Drain > 0 {
		ch <- c.gauge(c.shutdownDuration, r.Drain.Seconds(), r.Name)
	}
	ch <- c.histogram(series{desc: c.queueWait, runner: r.Name}, r, r.QueueWait, nil)
	ch <- c.gauge(c.workers, float64(r.Workers), r.Name)
	ch <- c.gauge(c.busy, float64(r.Busy), r.Name)
	ch <- c.gauge(c.longestRun, secondsSince(r.OldestRunning), r.Name)
	ch <- c.counter(c.busyTime, r.BusyTime.Seconds(), r.opened, r.Name)
}

// collectCallback sends what a callback's name has. Every outcome exists at 0 from
// the first time on, so that rate sees the first failure.
func (c *collector) collectCallback(ch chan<- prometheus.Metric, r *read, cb *runner.CallbackStats, exemplars exemplarsByName) {
	for o, n := range cb.Outcomes {
		ch <- c.total(c.callbacks, n, r.opened, r.Name, cb.Name, runner.Outcome(o).String())
	}
	ch <- c.total(c.asked, cb.Asked, r.opened, r.Name, cb.Name)
	ch <- c.total(c.retries, cb.Retries, r.opened, r.Name, cb.Name)
	ch <- c.gauge(c.stuck, float64(cb.Stuck), r.Name, cb.Name)
	if cb.Timeout > 0 {
		ch <- c.gauge(c.timeout, cb.Timeout.Seconds(), r.Name, cb.Name)
	}
	if !cb.LastSuccess.IsZero() {
		ch <- c.gauge(c.lastSuccess, unixSeconds(cb.LastSuccess), r.Name, cb.Name)
	}
	ch <- c.summary(c.waited, cb.Starts, cb.QueueWait, r.opened, r.Name, cb.Name)
	kept := exemplars[nameOf{r.Name, cb.Name}]
	ch <- c.histogram(series{c.ranFor, r.Name, cb.Name, names.ResultFailure}, r, cb.Failure, kept.failure.forBuckets(cb.Failure.Layout()))
	ch <- c.histogram(series{c.ranFor, r.Name, cb.Name, names.ResultSuccess}, r, cb.Success, kept.success.forBuckets(cb.Success.Layout()))
}

// histogram returns a histogram as it is now.
func (c *collector) histogram(id series, r *read, s histogram.Snapshot, exemplars []*exemplar) prometheus.Metric {
	h := c.histograms[id]
	if h == nil {
		labelValues := []string{id.runner}
		if id.callback != "" {
			labelValues = append(labelValues, id.callback, id.result)
		}
		h = newHistogramSeries(id.desc, r.opened, labelValues...)
		c.histograms[id] = h
	}
	return h.metric(s, exemplars)
}

// secondsSince is how long ago t was; 0 for the zero Time.
func secondsSince(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return time.Since(t).Seconds()
}
