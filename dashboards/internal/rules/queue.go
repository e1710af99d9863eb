package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// queueAlerts tell of a pool that does not keep up. Each queue is one
// instance's, so they do not add instances up.
func (w writer) queueAlerts() []alert {
	age := fmt.Sprintf("(time() - (%s > 0))", w.gauge(names.MetricQueueOldest)) // 0: none waits
	depth, capacity := w.gauge(names.MetricQueueDepth), w.gauge(names.MetricQueueCapacity)
	return []alert{
		{
			name: "AfterglowQueueStuck", severity: Critical,
			// With a worker free, what is due waits for Limits of its name, and
			// nothing is stuck. Replaced workers are not busy, as they are none.
			expr: all(above(age, w.seconds("1m")), w.increase("5m", names.MetricQueueWait+"_count")+" == 0",
				fmt.Sprintf("%s >= %s", w.gauge(names.MetricWorkersBusy), w.gauge(names.MetricWorkers))),
			// The five minutes without a start are long enough; this is for a
			// queue that starts to move as we look.
			hold: "1m",
			// No keep: the engineer wants to see at once that the queue moves.
			summary: "The queue of runner {{ $labels.runner }} on {{ $labels.instance }} stands still",
			description: "Callbacks of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} are due, the oldest for " +
				"{{ $value | humanizeDuration }}, but none has started in five minutes.",
			dashboard: runtime, panel: "Longest running", labels: ofInstance,
		},
		{
			name: "AfterglowOldestTooOld", severity: Warning,
			expr:    above(age, w.seconds("1m")),
			hold:    "2m", // not for one burst that is worked off
			keep:    "5m", // it falls to nothing whenever the queue is empty for a moment
			summary: "A callback of runner {{ $labels.runner }} on {{ $labels.instance }} has been due for long",
			description: "The callback that has been waiting longest for runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} " +
				"has been due for {{ $value | humanizeDuration }}. Callbacks should start within a second.",
			dashboard: runtime, panel: "Oldest waiting", labels: ofInstance,
		},
		{
			name: "AfterglowQueueFillingUp", severity: Warning,
			// A quarter full, as the line through an almost empty queue says
			// nothing; nor does it through one that is full and cannot grow.
			expr: fmt.Sprintf("%s or %s",
				all(fmt.Sprintf("predict_linear(%s[%s], %s) >= %s", depth, w.window("15m"), w.seconds("30m"), capacity),
					fmt.Sprintf("%s >= 0.25 * %s", depth, capacity)),
				fmt.Sprintf("%s >= 0.9 * %s", depth, capacity)),
			hold:    "5m", // a burst is what a queue is for
			keep:    "5m", // the forecast swings
			summary: "The queue of runner {{ $labels.runner }} on {{ $labels.instance }} is filling up",
			description: "The queue of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} is nearly full, or will be within " +
				"half an hour if it goes on as in the last 15 minutes: {{ $value | humanize }} callbacks will then want a place in it. " +
				"A full queue rejects callbacks, or does what its Overflow says.",
			dashboard: runtime, panel: "Queue depth", labels: ofInstance,
		},
		{
			name: "AfterglowWorkersSaturated", severity: Warning,
			expr:    above(fmt.Sprintf("%s / %s", w.rate("5m", names.MetricWorkerBusyTime), w.gauge(names.MetricWorkers)), "0.9"),
			hold:    "10m", // busy workers are no harm; workers without a pause are the harm to come
			keep:    "5m",
			summary: "The workers of runner {{ $labels.runner }} on {{ $labels.instance }} have no time left",
			description: "{{ $value | humanizePercentage }} of the worker time of runner {{ $labels.runner }} of {{ $labels.job }} on " +
				"{{ $labels.instance }} is spent on callbacks. A little more, or a slower dependency, and callbacks will wait.",
			dashboard: runtime, panel: "Workers busy, by instance", labels: ofInstance,
		},
	}
}

// gauge selects one.
func (w writer) gauge(metric string) string { return w.q.Selector(w.q.Metric(metric)) }
