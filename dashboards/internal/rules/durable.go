package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Labels of alerts on the store.
var ofQueue = []string{"job", "runner", "queue"}

// durableAlerts tell of durable tasks that are not done. One process at a time shows the store, so
// instances are not added up: the greatest counts, also while one takes over from another.
func (w writer) durableAlerts() []alert {
	inQueue := func(expr string) string { return fmt.Sprintf("max by (%s) (%s)", w.q.Labels("runner", "queue"), expr) }
	due := w.q.Selector(w.q.Metric(names.MetricDurableTasks), fmt.Sprintf("%s=%q", names.LabelState, names.StateDue))
	processes, oldest := w.gauge(names.MetricDurableProcesses), w.gauge(names.MetricDurableOldestDue)
	returned := w.increase("15m", names.MetricDurableReturned)
	failed := w.increase("5m", names.MetricDurableStoreErrors)
	tooOld := w.seconds("5m")
	return []alert{
		{
			name: "AfterglowDurableDeadLetters", severity: Warning,
			// At once: no further attempt will come, so somebody must look at each.
			expr:    above(w.sum(w.increase("15m", names.MetricCallbacks, query.Durable, query.DeadOutcomes()), "runner", "callback"), "0"),
			keep:    "15m", // one notification for those that come now and then
			summary: "Durable tasks {{ $labels.callback }} become dead letters",
			description: "Durable tasks {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} that became dead letters in the last 15 minutes: " +
				"about {{ $value | humanize }}. They stay in the store, and run again only if somebody retries them." +
				w.worst("15m", names.MetricCallbacks, ofCallback, query.Durable, query.DeadOutcomes()),
			dashboard: durable, panel: "Dead letters, by task", labels: ofCallback,
		},
		{
			name: "AfterglowDurableNoWorker", severity: Critical,
			// For two minutes: in a deploy, all workers may be away for a moment. A queue
			// whose processes have no heartbeats has no series to judge.
			expr: all(above(inQueue(fmt.Sprintf("min_over_time(%s[%s])", due, w.window("2m"))), "0"),
				fmt.Sprintf("%s == 0", inQueue(fmt.Sprintf("max_over_time(%s[%s])", processes, w.window("2m")))),
				fmt.Sprintf("%s == 0", inQueue(processes))), // not of what nobody shows any more
			hold:    "1m", // not for a process that has just begun: two minutes of it may be one scrape
			keep:    "5m", // who shows the store may be up now and then
			summary: "Nobody works the durable queue {{ $labels.queue }} of runner {{ $labels.runner }}",
			description: "Tasks are due in queue {{ $labels.queue }} of runner {{ $labels.runner }}, as {{ $labels.job }} sees it: {{ $value | humanize }}. " +
				"No live process works that queue. Nothing is lost, and nothing is done, until one does.",
			dashboard: durable, panel: "Processes at work, by queue", labels: ofQueue,
		},
		{
			name: "AfterglowDurableOldestTooOld", severity: Warning,
			// For two minutes, not for one task that is about to start. Who has paused a
			// queue knows that it waits.
			expr: all(above(inQueue(oldest), tooOld), above(inQueue(fmt.Sprintf("min_over_time(%s[%s])", oldest, w.window("2m"))), tooOld)) +
				fmt.Sprintf(" unless %s == 1", inQueue(w.gauge(names.MetricDurablePaused))),
			hold:    "1m", // as above
			keep:    "5m", // it falls to nothing whenever the queue is empty for a moment
			summary: "A durable task in queue {{ $labels.queue }} of runner {{ $labels.runner }} has been due for long",
			description: "The task that waits longest in queue {{ $labels.queue }} of runner {{ $labels.runner }}, as {{ $labels.job }} sees it, has been due for " +
				"{{ $value | humanizeDuration }}. The workers of all processes together do not keep up." + w.busiest("runner"),
			dashboard: durable, panel: "Oldest due, by queue", labels: ofQueue, since: "6h",
		},
		{
			name: "AfterglowDurableTasksReturned", severity: Warning,
			// At once: a process that is stopped as it should be returns nothing.
			expr:    above(w.sum(returned, "runner", "callback"), "0"),
			keep:    "15m", // one notification for processes that die now and then
			summary: "Processes die while they run durable tasks {{ $labels.callback }}",
			description: "Attempts of durable tasks {{ $labels.callback }} of runner {{ $labels.runner }} that {{ $labels.job }} has taken from dead processes in the last " +
				"15 minutes: about {{ $value | humanize }}. The tasks run again, in part for the second time. " +
				"The log of the process that has found them says whose they were." + w.finder(),
			dashboard: durable, panel: "Returned, by task", labels: ofCallback,
		},
		{
			name: "AfterglowDurableStoreUnread", severity: Warning,
			// Who cannot read it in a job in which nobody shows it. A process that leaves it to
			// another one, perhaps of another job, has no error.
			expr: fmt.Sprintf("%s unless on (%s) max_over_time(%s[%s])", above(w.sum(failed, "runner"), "0"),
				w.q.Labels("runner"), w.gauge(names.MetricDurableStoreAge), w.window("5m")),
			hold:    "1m", // not for one read that takes too long
			keep:    "5m",
			summary: "{{ $labels.job }} cannot read the store of the durable tasks of runner {{ $labels.runner }}",
			description: "Processes of {{ $labels.job }} have tried to read the store of the durable tasks of runner {{ $labels.runner }} for their metrics, and failed, " +
				"in the last five minutes: about {{ $value | humanize }} times. None of them shows it, so what waits there may not be known, and the alerts on queues cannot fire." +
				w.worst("5m", names.MetricDurableStoreErrors, ofRunner),
			dashboard: durable, panel: "Reads of the store that failed", labels: ofRunner,
		},
	}
}

// finder names the instance that has taken most from dead processes.
func (w writer) finder() string {
	found := fmt.Sprintf("sum by (%s) (%s)", byInstance, w.increase("15m", names.MetricDurableReturned, w.same(ofCallback...)...))
	return w.lookup(most(found), " Look at "+foundInstance+" first: it has found {{ .Value | humanizePercentage }} of them.")
}
