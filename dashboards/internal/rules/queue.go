package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// queueAlerts tell of a pool that does not keep up. Each queue is one
// instance's, so they do not add instances up.
func (w writer) queueAlerts() []alert {
	age := w.gauge(names.MetricQueueOldestAge)
	depth, capacity := w.gauge(names.MetricQueueDepth), w.gauge(names.MetricQueueCapacity)
	return []alert{
		{
			name: "AfterglowQueueStuck", severity: Critical,
			// The process itself measures how long no worker has taken a callback. Those
			// that Limits holds back, and those that callers run, are not in the queue. A
			// worker whose callback is within its timeout will be free by itself. It
			// was a moment ago if the callback is about to count as stuck.
			expr: above(w.gauge(names.MetricQueueStalled), w.seconds("5m")) +
				fmt.Sprintf(" unless max_over_time(%s[%s]) > 0", w.gauge(names.MetricWorkersOnTime), w.window("2m")),
			// No For: five minutes are long enough. No keep: the engineer wants to see
			// at once that the queue moves.
			summary: "The queue of runner {{ $labels.runner }} on {{ $labels.instance }} stands still",
			description: "Callbacks wait for a worker of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }}, but no worker has " +
				"taken one for {{ $value | humanizeDuration }}. None of the workers has a callback that is within its timeout." + w.stuckest(),
			dashboard: runtime, panel: "Longest running", labels: ofInstance,
		},
		{
			name: "AfterglowOldestTooOld", severity: Warning,
			// For two minutes, not for one burst that is worked off.
			expr:    all(above(age, w.seconds("1m")), above(fmt.Sprintf("min_over_time(%s[%s])", age, w.window("2m")), w.seconds("1m"))),
			hold:    "1m", // not for a process that has just begun: two minutes of it may be one scrape
			keep:    "5m", // it falls to nothing whenever the queue is empty for a moment
			summary: "A callback of runner {{ $labels.runner }} on {{ $labels.instance }} has been due for long",
			description: "The callback that has been waiting longest for runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} " +
				"has been due for {{ $value | humanizeDuration }}. Callbacks should start within a second." + w.busiest(ofInstance...),
			dashboard: runtime, panel: "Oldest waiting", labels: ofInstance,
		},
		{
			name: "AfterglowQueueFillingUp", severity: Warning,
			// For five minutes, as a burst is what a queue is for. A quarter full, as
			// the line through an almost empty queue says nothing; nor does it through
			// one that is full and cannot grow. And deeper than it was, as the line
			// still rises when a burst is worked off.
			expr: fmt.Sprintf("%[1]s / %[2]s and (%[3]s or min_over_time(%[1]s[%[4]s]) >= 0.9 * %[2]s)", depth, capacity,
				all(fmt.Sprintf("predict_linear(%s[%s], %s) >= %s", depth, w.window("15m"), w.seconds("30m"), capacity),
					fmt.Sprintf("min_over_time(%s[%s]) >= 0.25 * %s", depth, w.window("5m"), capacity),
					fmt.Sprintf("deriv(%s[%s]) > 0", depth, w.window("5m"))), w.window("5m")),
			hold:    "1m",
			keep:    "5m", // the forecast swings
			summary: "The queue of runner {{ $labels.runner }} on {{ $labels.instance }} is filling up",
			description: "Callbacks that wait for a worker of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} take " +
				"{{ $value | humanizePercentage }} of the queue. " +
				"{{ if lt $value 0.9 }}It will be full within half an hour if it goes on as in the last 15 minutes. {{ end }}" +
				"A full queue rejects callbacks, or does what its Overflow says." + w.busiest(ofInstance...),
			dashboard: runtime, panel: "Queue depth", labels: ofInstance,
		},
		{
			name: "AfterglowWorkersSaturated", severity: Warning,
			// For a quarter of an hour, as busy workers are no harm, and workers without
			// a pause are the harm to come. If nothing waits for them, there are enough.
			expr: all(above(w.utilized("5m"), "0.9"), above(w.utilized("15m"), "0.9"),
				above(fmt.Sprintf("max_over_time(%s[%s])", depth, w.window("15m")), "0")),
			hold:    "1m",
			keep:    "10m", // two windows: one that Prometheus has seen a part of is low
			summary: "The workers of runner {{ $labels.runner }} on {{ $labels.instance }} have no time left",
			description: "{{ $value | humanizePercentage }} of the worker time of runner {{ $labels.runner }} of {{ $labels.job }} on " +
				"{{ $labels.instance }} is spent on callbacks. A little more, or a slower dependency, and callbacks will wait." + w.busiest(ofInstance...),
			dashboard: runtime, panel: "Workers busy, by instance", labels: ofInstance,
		},
	}
}

// stuckest names the callback that has most stuck runs on the alert's instance.
func (w writer) stuckest() string {
	runs := fmt.Sprintf("topk(1, sum by (%s) (%s) > 0)", names.LabelCallback, w.q.Selector(w.q.Metric(names.MetricStuck), w.same(ofInstance...)...))
	return w.lookup(runs, " Callback {{ .Labels.callback }} has most of the stuck runs there: {{ .Value | humanize }}.")
}

// utilized is the share of the workers' time that callbacks take, by instance.
func (w writer) utilized(window string) string {
	return fmt.Sprintf("%s / %s", w.rate(window, names.MetricWorkerBusyTime), w.gauge(names.MetricWorkers))
}

// gauge selects one.
func (w writer) gauge(metric string) string { return w.q.Selector(w.q.Metric(metric)) }
