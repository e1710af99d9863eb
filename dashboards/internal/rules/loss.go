package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// lossAlerts tell of work that was promised and is not done, for reasons that
// are the runner's and not the callback's.
func (w writer) lossAlerts() []alert {
	lost := w.sum(w.increase("15m", names.MetricShutdownLost), "instance", "runner")
	dropped := w.sum(w.increase("5m", names.MetricCallbacks, outcome(runner.OutcomeDropped)), "instance", "runner", "callback")
	closed := w.increase("5m", names.MetricRejected, names.LabelReason+`="closed"`)
	return []alert{
		{
			name: "AfterglowCallbacksDropped", severity: Warning,
			// What a drain drops has an alert of its own. The drain is counted
			// when it is over, which a scrape may see later than what it drops:
			// hence the For.
			expr: above(w.sum(fmt.Sprintf("%s unless on (%s) %s", dropped, w.q.Labels("instance", "runner"), above(lost, "0")),
				"runner", "callback"), "0"),
			hold:    "1m",
			keep:    "10m", // two windows: drops come in bursts
			summary: "Accepted callbacks {{ $labels.callback }} are dropped before they start",
			description: "Callbacks {{ $labels.callback }} that runner {{ $labels.runner }} of {{ $labels.job }} accepted and then dropped " +
				"in the last five minutes, to make room for newer ones: about {{ $value | humanize }}. They never ran." +
				w.worst("5m", names.MetricCallbacks, ofCallback, outcome(runner.OutcomeDropped)),
			dashboard: callback, panel: "Outcomes", labels: ofCallback,
		},
		{
			name: "AfterglowCallbacksRejected", severity: Warning,
			// At once: each is work that a request asked for and did not get. Each
			// kind of places has an alert of its own. In every deploy, an instance
			// that ends rejects with closed for a while. If it still does five minutes
			// later, it serves without its runner.
			expr: above(w.sum(fmt.Sprintf("%s or (%s)",
				w.increase("5m", names.MetricRejected, names.LabelReason+`!~"closed|reserved_full|held_full|paused_full"`),
				all(above(closed, "0"), above(w.before("10m", closed), "0"))), "runner", "reason"), "0"),
			keep:    "10m", // as above
			summary: "Runner {{ $labels.runner }} rejects callbacks: {{ $labels.reason }}",
			description: "Callbacks that runner {{ $labels.runner }} of {{ $labels.job }} rejected when they were asked for, in the last five " +
				"minutes: about {{ $value | humanize }}. Reason: {{ $labels.reason }}. They will not run." +
				w.worst("5m", names.MetricRejected, []string{"runner", names.LabelReason}),
			dashboard: overview, panel: "Rejected, by reason", labels: ofRunner,
		},
		{
			name: "AfterglowShutdownLostWork", severity: Warning,
			// At once, as the process has ended: nothing more will be counted.
			expr:    above(lost, "0"),
			keep:    "15m",
			summary: "A shutdown of runner {{ $labels.runner }} lost work",
			description: "Runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} was shut down within the last 15 minutes. " +
				"Callbacks that it gave up before their own end: about {{ $value | humanize }}. The log names them.",
			dashboard: runtime, panel: "Lost after it was accepted, by callback", labels: ofInstance,
		},
	}
}

// outcome selects one outcome.
func outcome(o runner.Outcome) string {
	return fmt.Sprintf("%s=%q", names.LabelOutcome, o.String())
}
