package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// callbackAlerts tell of callbacks that misbehave, by name. They are warnings:
// if it matters how many there are, the error budget burns.
func (w writer) callbackAlerts() []alert {
	timeouts := w.sum(w.increase("15m", names.MetricCallbacks, outcome(runner.OutcomeTimeout)), "runner", "callback")
	ended := w.sum(w.increase("15m", names.MetricCallbacks, query.CountedOutcomes()), "runner", "callback")
	succeeded := w.q.Selector(w.q.RecordedOutcomes(), outcome(runner.OutcomeSuccess))
	if w.o.MayBeSilent != "" {
		succeeded = w.q.Selector(w.q.RecordedOutcomes(), outcome(runner.OutcomeSuccess), fmt.Sprintf("%s!~%q", names.LabelCallback, w.o.MayBeSilent))
	}
	return []alert{
		{
			name: "AfterglowPanics", severity: Warning,
			// At once: one panic is a mistake in the code, however rare.
			expr:    above(w.sum(w.increase("15m", names.MetricCallbacks, outcome(runner.OutcomePanic)), "runner", "callback"), "0"),
			keep:    "15m", // one notification for panics that come now and then
			summary: "Callback {{ $labels.callback }} panics",
			description: "Panics of callback {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} " +
				"in the last 15 minutes: about {{ $value | humanize }}. The log has each stack.",
			dashboard: callback, panel: "When it failed", labels: ofCallback,
		},
		{
			name: "AfterglowTimeouts", severity: Warning,
			expr:    all(above("("+ratio(timeouts, ended)+")", "0.05"), timeouts+" >= 5"),
			hold:    "5m", // a dependency that was slow for a moment is over by then
			keep:    "10m",
			summary: "Callback {{ $labels.callback }} runs into its timeout",
			description: "In the last 15 minutes, {{ $value | humanizePercentage }} of the callbacks {{ $labels.callback }} of runner " +
				"{{ $labels.runner }} of {{ $labels.job }} ran out of time.",
			dashboard: callback, panel: "Run time against timeout", labels: ofCallback,
		},
		{
			name: "AfterglowCallbackStuck", severity: Warning,
			expr:    above(w.gauge(names.MetricStuck), "0"),
			hold:    "2m", // a slow end is no leak
			keep:    "5m",
			summary: "Callback {{ $labels.callback }} is stuck on {{ $labels.instance }}",
			description: "Callbacks {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} " +
				"that are stuck, as they run on past their deadline: {{ $value | humanize }}. Each is a goroutine that does not heed its context. " +
				"The log has the stack that it hangs on.",
			dashboard: callback, panel: "Stuck, by callback", labels: []string{"job", "instance", "runner", "callback"},
		},
		{
			name: "AfterglowCallbackSilent", severity: Warning,
			// Steady is what succeeded in nine of ten five-minute spans of the
			// three hours before the last one. A name seen for the first time, or
			// rare work, is not. Nor is what was as silent at this time yesterday,
			// give or take an hour: the work of a night, or a shop that closes.
			expr: fmt.Sprintf("%s unless (time() - max by (%[2]s) (%[3]s) < %[4]s) unless on (%[2]s) %[5]s == 0",
				above("3600 * "+w.sum(w.before("1h", fmt.Sprintf("quantile_over_time(0.1, %s[%s])", succeeded, w.window("3h"))),
					"runner", "callback"), "0"),
				w.q.Labels("runner", "callback"), w.gauge(names.MetricLastSuccess), w.seconds("1h"),
				w.before("23h", fmt.Sprintf("quantile_over_time(0.5, %s[%s])", succeeded, w.window("2h")))),
			hold:    "5m", // after a restart there is no last success until the first
			summary: "Callback {{ $labels.callback }} has not succeeded for an hour",
			description: "Callback {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} was steady work, at least " +
				"{{ $value | humanize }} an hour, and has not succeeded once in the last one. Either nobody asks for it, or it never ends well.",
			dashboard: callback, panel: "Asked for and ended", labels: ofCallback,
		},
	}
}
