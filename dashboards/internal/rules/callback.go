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
	of := func(expr string) string { return w.sum(expr, "runner", "callback") }
	timeouts := w.increase("15m", names.MetricCallbacks, outcome(runner.OutcomeTimeout))
	lately := w.increase("5m", names.MetricCallbacks, outcome(runner.OutcomeTimeout))
	ended := of(w.increase("15m", names.MetricCallbacks, query.CountedOutcomes()))
	stuck := w.gauge(names.MetricStuck)
	// A lone failure shows in the rate for five minutes less the time between two
	// scrapes. So every sample of it is read: a subquery would step over some.
	failed := fmt.Sprintf("max_over_time(%s[%s])", w.q.Selector(w.q.RecordedOutcomes(), query.BadOutcomes()), w.window("1d"))
	failures := fmt.Sprintf("sum(%s)", w.increase("1d", names.MetricCallbacks, append(w.same(ofCallback...), query.BadOutcomes())...))
	return []alert{
		{
			name: "AfterglowPanics", severity: Warning,
			// At once: one panic is a mistake in the code, however rare.
			expr:    above(of(w.increase("15m", names.MetricCallbacks, outcome(runner.OutcomePanic))), "0"),
			keep:    "15m", // one notification for panics that come now and then
			summary: "Callback {{ $labels.callback }} panics",
			description: "Panics of callback {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} " +
				"in the last 15 minutes: about {{ $value | humanize }}. The log has each stack." +
				w.worst("15m", names.MetricCallbacks, ofCallback, outcome(runner.OutcomePanic)),
			dashboard: callback, panel: "Its failures' logs", labels: ofCallback,
		},
		{
			name: "AfterglowTimeouts", severity: Warning,
			// In two spans of five minutes, one after the other: a dependency that was
			// slow for a moment is over by then.
			expr: all(above("("+ratio(of(timeouts), ended)+")", "0.05"), of(timeouts)+" >= 5",
				above(of(lately), "0"), above(of(w.before("5m", lately)), "0")),
			hold:    "1m",
			keep:    "10m",
			summary: "Callback {{ $labels.callback }} runs into its timeout",
			description: "In the last 15 minutes, {{ $value | humanizePercentage }} of the callbacks {{ $labels.callback }} of runner " +
				"{{ $labels.runner }} of {{ $labels.job }} ran out of time." +
				w.worst("15m", names.MetricCallbacks, ofCallback, outcome(runner.OutcomeTimeout)),
			dashboard: callback, panel: "Run time against timeout", labels: ofCallback,
		},
		{
			name: "AfterglowCallbackStuck", severity: Warning,
			// For two minutes, as a slow end is no leak.
			expr:    all(above(stuck, "0"), above(fmt.Sprintf("min_over_time(%s[%s])", stuck, w.window("2m")), "0")),
			hold:    "1m", // not for a process that has just begun: two minutes of it may be one scrape
			keep:    "5m",
			summary: "Callback {{ $labels.callback }} is stuck on {{ $labels.instance }}",
			description: "Callbacks {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} on {{ $labels.instance }} " +
				"that are stuck, as they run on past their deadline: {{ $value | humanize }}. Each is a goroutine that does not heed its context. " +
				"The log has the stack that it hangs on.",
			dashboard: callback, panel: "Its failures' logs", labels: []string{"job", "instance", "runner", "callback"},
		},
		{
			name: "AfterglowCallbackSilent", severity: Warning,
			// Steady is what was recorded as such within the day, before the hour of
			// silence. A name seen for the first time, or rare work, is not. Nor is
			// what was as silent at this time yesterday, give or take an hour: the work
			// of a night, or a shop that closes.
			expr: fmt.Sprintf("3600 * %s > 0 %s unless on (%s) %s == 0",
				w.before("1h", fmt.Sprintf("max_over_time(%s[%s:%s])", w.q.Selector(w.q.RecordedSteady()), w.window("23h"), w.step("5m"))),
				w.unlessSucceeded("1h"), w.q.Labels("runner", "callback"),
				w.before("23h", fmt.Sprintf("quantile_over_time(0.5, %s[%s])", w.succeeded(), w.window("2h")))),
			hold:    "1m",
			summary: "Callback {{ $labels.callback }} has not succeeded for an hour",
			description: "Callback {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} was steady work, at least " +
				"{{ $value | humanize }} an hour, and has not succeeded once in the last one. Either nobody asks for it, or it never ends well.",
			dashboard: callback, panel: "Asked for and ended", labels: ofCallback, since: "6h",
		},
		{
			name: "AfterglowCallbackFailing", severity: Warning,
			// A rare callback does not show in the budget of a busy runner, and a callback
			// that runs every night does not fail ten times in a week. A success of the
			// night before is at most 24 hours old, so 26 hours without one are too long.
			// The failure is an hour old: by then the next attempt may have succeeded.
			expr:    of(w.before("1h", failed)) + " > 0 " + w.unlessSucceeded("26h"),
			hold:    "1m",
			summary: "Callback {{ $labels.callback }} only fails",
			description: "Callback {{ $labels.callback }} of runner {{ $labels.runner }} of {{ $labels.job }} ended badly " +
				"within the last day, and has not succeeded once in 26 hours." +
				w.lookup(failures, " Failures in the last day: about {{ .Value | humanize }}."),
			dashboard: callback, panel: "Its failures' logs", labels: ofCallback, since: "1d",
		},
		{
			name: "AfterglowNamesFolded", severity: Warning,
			// At once: each of them is on no dashboard under its name.
			expr:    above(w.sum(w.increase("1h", names.MetricNamesFolded), "runner"), "0"),
			keep:    "1h", // one notification for names that come now and then
			summary: "Runner {{ $labels.runner }} has too many callback names",
			description: "Callbacks that runner {{ $labels.runner }} of {{ $labels.job }} counted in the last hour as " + names.Other + ", because their names " +
				"are more than MaxNames: about {{ $value | humanize }}. Names should be constants of the code. The log says which name was the first one too many." +
				w.worst("1h", names.MetricNamesFolded, ofRunner),
			dashboard: overview, panel: "Callbacks counted as other", labels: ofRunner,
		},
	}
}

// succeeded selects the recorded rate of successes, of callbacks that may not be silent.
func (w writer) succeeded() string {
	if w.o.MayBeSilent == "" {
		return w.q.Selector(w.q.RecordedOutcomes(), outcome(runner.OutcomeSuccess))
	}
	return w.q.Selector(w.q.RecordedOutcomes(), outcome(runner.OutcomeSuccess), fmt.Sprintf("%s!~%q", names.LabelCallback, w.o.MayBeSilent))
}

// clockAhead is how far ahead, in seconds, a process' clock may be.
const clockAhead = 300

// unlessSucceeded leaves out what has succeeded lately: as a counter shows, whatever
// the clock of its process; or as the time of its last success does, which a process
// may have reached before its counter was first seen. The last of a process that is
// gone counts, and one in the future does not.
func (w writer) unlessSucceeded(window string) string {
	of := w.q.Labels("runner", "callback")
	last := fmt.Sprintf("max_over_time(%s[%s])", w.gauge(names.MetricLastSuccess), w.window(window))
	return fmt.Sprintf("unless on (%s) max_over_time(%s[%s]) > 0 unless on (%[1]s) max by (%[1]s) (time() - %[4]s < %[5]s > -%[6]d)",
		of, w.q.Selector(w.q.RecordedOutcomes(), outcome(runner.OutcomeSuccess)), w.window(window), last, w.seconds(window), clockAhead)
}
