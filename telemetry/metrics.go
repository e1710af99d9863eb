package telemetry

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// metrics describes what is exposed.
type metrics struct {
	// Of a callback's name.
	callbacks, asked, retries, stuck, timeout, lastSuccess, ranFor, waited *prometheus.Desc
	// Of a runner.
	rejected, folded, queueWait, responseDelay, shutdownLost, shutdownDuration *prometheus.Desc
	depth, capacity, highWater, oldest, workers, busy, busyTime, longestRun    *prometheus.Desc
	oldestAge, stalled, onTime, places, placesLimit                            *prometheus.Desc
	// Of the process.
	misuse, telemetryErrors, buildInfo *prometheus.Desc
}

// newMetrics describes the metrics, whose series all have some constant labels.
func newMetrics(constant prometheus.Labels) *metrics {
	ofCallback := func(name, unit, help string, more ...string) *prometheus.Desc {
		return descWith(constant, name, unit, help, append([]string{names.LabelRunner, names.LabelCallback}, more...)...)
	}
	ofRunner := func(name, unit, help string, more ...string) *prometheus.Desc {
		return descWith(constant, name, unit, help, append([]string{names.LabelRunner}, more...)...)
	}
	return &metrics{
		callbacks: ofCallback(names.MetricCallbacks, "",
			"Callbacks that came to an end, by outcome. Each callback asked for ends here exactly once.", names.LabelOutcome),
		asked: ofCallback(names.MetricAsked, "",
			"Callbacks asked for, rejected ones included. Minus afterglow_callbacks_total: reserved, queued, running or paused."),
		retries: ofCallback(names.MetricRetries, "",
			"Attempts beyond the first."),
		stuck: ofCallback(names.MetricStuck, "",
			"Callbacks that run on past their deadline and Config.StuckAfter: each is a goroutine that ignores its context."),
		timeout: ofCallback(names.MetricCallbackTimeout, seconds,
			"Timeout of the callback asked for last. Absent if it has none, and for folded names."),
		lastSuccess: ofCallback(names.MetricLastSuccess, seconds,
			"When a callback last succeeded. Absent before the first success."),
		ranFor: ofCallback(names.MetricCallbackDuration, seconds,
			"Run time of each attempt that was started, by result.", names.LabelResult),
		waited: ofCallback(names.MetricCallbackWait, seconds,
			"Time from being due to being started by a worker, what Config.Limits holds a callback back included."),

		rejected: ofRunner(names.MetricRejected, "",
			"Callbacks rejected when they were asked for, by reason.", names.LabelReason),
		folded: ofRunner(names.MetricNamesFolded, "",
			"Callbacks asked for under a name beyond the limit of names, and therefore counted as other."),
		queueWait: ofRunner(names.MetricQueueWait, seconds,
			"Time from being due to being started by a worker."),
		responseDelay: ofRunner(names.MetricResponseDelay, seconds,
			"Time from being asked for to the end of the response, for callbacks that had to wait for it."),
		shutdownLost: ofRunner(names.MetricShutdownLost, "",
			"Callbacks that a drain kept from coming to their own end."),
		shutdownDuration: ofRunner(names.MetricShutdownDuration, seconds,
			"How long the last drain took. Absent before the first."),

		depth:     ofRunner(names.MetricQueueDepth, "", "Callbacks that are due and wait for a worker, without later attempts of Retry."),
		capacity:  ofRunner(names.MetricQueueCapacity, "", "How many callbacks may wait for a worker (Config.Queue)."),
		highWater: ofRunner(names.MetricQueueHighWater, "", "Most callbacks that waited for a worker at once within the last one to two minutes."),
		places: ofRunner(names.MetricQueuePlaces, "",
			"Callbacks that wait, by what they wait for. queued: a worker. reserved: the end of their response. held: their share of Config.Limits. paused: their next attempt.", names.LabelState),
		placesLimit: ofRunner(names.MetricQueuePlacesLimit, "",
			"How many callbacks may wait there before more are rejected (Config.Queue, MaxReserved, MaxHeld, MaxPaused). Those of one name may take, except of queued, as many as they leave free.", names.LabelState),

		oldest:     ofRunner(names.MetricQueueOldest, seconds, "When the longest-waiting callback became due. 0 when none waits."),
		oldestAge:  ofRunner(names.MetricQueueOldestAge, seconds, "For how long the longest-waiting callback has been due, as its process measures it. 0 when none waits."),
		stalled:    ofRunner(names.MetricQueueStalled, seconds, "For how long callbacks have waited for a worker and no worker has taken one. 0 when none waits. Those that Config.Limits holds back do not count."),
		workers:    ofRunner(names.MetricWorkers, "", "Callbacks that may run at once."),
		busy:       ofRunner(names.MetricWorkersBusy, "", "Workers that run a callback."),
		onTime:     ofRunner(names.MetricWorkersOnTime, "", "Workers that run a callback whose deadline has not passed. A callback without a timeout has none."),
		busyTime:   ofRunner(names.MetricWorkerBusyTime, seconds, "Worker time spent on callbacks, those running now included."),
		longestRun: ofRunner(names.MetricLongestRunning, seconds, "Run time so far of the callback that has been running longest, without stuck ones whose worker has been replaced. 0 when none runs."),

		misuse: desc(names.MetricMisuse, "",
			"Calls that asked for nothing because they were wrong, by reason. The log names the line of each, once.", names.LabelReason),
		telemetryErrors: desc(names.MetricTelemetryErrors, "",
			"Failures of the telemetry itself, by signal: panics and runtime.Goexit. traces: also unusable answers of Config.RelationFor. flight: snapshots not written. observer: panics of any observer of an observed runner.",
			names.LabelSignal),
		buildInfo: desc(names.MetricBuildInfo, "", "Always 1; the labels tell what was built.", names.LabelVersion, names.LabelGoVersion),
	}
}

// all lists the descriptions.
func (m *metrics) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		m.callbacks, m.asked, m.retries, m.stuck, m.timeout, m.lastSuccess, m.ranFor, m.waited,
		m.rejected, m.folded, m.queueWait, m.responseDelay, m.shutdownLost, m.shutdownDuration,
		m.depth, m.capacity, m.highWater, m.oldest, m.oldestAge, m.stalled, m.workers, m.busy, m.onTime, m.busyTime, m.longestRun,
		m.places, m.placesLimit,
		m.misuse, m.telemetryErrors, m.buildInfo,
	}
}

const seconds = "seconds"

// ownLabels are the labels of all metrics.
func ownLabels() []string {
	return []string{names.LabelRunner, names.LabelCallback, names.LabelOutcome, names.LabelReason, names.LabelState, names.LabelResult, names.LabelSignal, names.LabelMode, names.LabelQueue, names.LabelVersion, names.LabelGoVersion}
}

func desc(name, unit, help string, labels ...string) *prometheus.Desc {
	return descWith(nil, name, unit, help, labels...)
}

func descWith(constant prometheus.Labels, name, unit, help string, labels ...string) *prometheus.Desc {
	return prometheus.V2.NewDesc(name, help, prometheus.UnconstrainedLabels(labels), constant, prometheus.WithUnit(unit))
}

// unixSeconds is t as Prometheus writes times; 0 for the zero Time.
func unixSeconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return math.Round(float64(t.UnixNano())/1e3) / 1e6
}

// boundsOf returns the upper bounds of the classic buckets in seconds, +Inf last.
func boundsOf(l *histogram.Layout) []float64 {
	bounds := make([]float64, 0, len(l.Bounds())+1)
	for _, b := range l.Bounds() {
		bounds = append(bounds, b.Seconds())
	}
	return append(bounds, math.Inf(1))
}
