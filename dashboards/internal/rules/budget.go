package rules

import (
	"fmt"
	"strconv"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// leastBad is how many callbacks must have gone wrong in the long window of a
// burn alert. It is the guard for little traffic, where one failure is a large
// share. It counts failures and not callbacks, as few callbacks that all fail
// are an outage, and many of which one fails are none.
const leastBad = 10

// The factors of a month's budget: 2 % of it in an hour, 5 % in six hours, and
// as much as there is.
const (
	fastBurn   = 14.4
	steadyBurn = 6
	slowBurn   = 1
)

// The windows and factors are those of the Site Reliability Workbook, chapter
// 5: the long window says that it is worth a call, the short one that it goes
// on. So the alerts need next to no For: it would only delay them. They ride out
// a single evaluation while a recorded window fills.
func (w writer) budgetAlerts() []alert {
	percent := strconv.FormatFloat(100*w.q.SLO(), 'g', 6, 64)
	late := strconv.FormatFloat(100*w.q.LatencySLO(), 'g', 6, 64)
	promised := " Promised: " + percent + " % of the callbacks end well."
	fast, steady, slow := w.culprit("5m"), w.culprit("30m"), w.culprit("6h")
	return []alert{
		{
			name: "AfterglowErrorBudgetBurnFast", severity: Critical,
			expr: w.fastBurn(),
			// Longer than the short window, which crosses the line many times as an
			// outage ends; and longer than the next alert goes on, which it holds back.
			keep: "10m",
			summary: "Callbacks of runner {{ $labels.runner }} fail so fast that " +
				"2 % of a month's error budget goes in an hour",
			description: "Over the last hour, runner {{ $labels.runner }} of {{ $labels.job }} spent its error budget " +
				"{{ $value | humanize }} times as fast as it may (limit: 14.4), and it still does." + promised +
				w.saysCulprit(fast) + w.worst("5m", names.MetricCallbacks, ofRunner, query.BadOutcomes()),
			dashboard: callback, panel: "Its failures' logs", labels: ofRunner, culprit: fast,
		},
		{
			name: "AfterglowErrorBudgetBurn", severity: Critical,
			// The half hour remembers an outage that is over. If somebody was called
			// for a fast burn within the hour, it must go on now to be worth a second call.
			expr: all(w.burns(w.q.RecordedBurn, steadyBurn, "6h", "30m"), w.enough(w.bad("6h"))) +
				w.unlessOver(w.q.RecordedFastBurn(), w.q.RecordedBurn),
			keep:    "5m", // little traffic may have no failure in one short window
			summary: "Callbacks of runner {{ $labels.runner }} fail so often that 5 % of a month's error budget goes in six hours",
			description: "Over the last six hours, runner {{ $labels.runner }} of {{ $labels.job }} spent its error budget " +
				"{{ $value | humanize }} times as fast as it may (limit: 6), and it still does." + promised +
				w.saysCulprit(steady) + w.worst("30m", names.MetricCallbacks, ofRunner, query.BadOutcomes()),
			dashboard: callback, panel: "Its failures' logs", labels: ofRunner, culprit: steady, since: "6h",
		},
		{
			name: "AfterglowErrorBudgetBurnSlow", severity: Warning,
			// Three days of every counter are too much to read every time: the recorded
			// rate says the same. It is read every two minutes, as spans of five minutes
			// that abut leave out what happened between two of them. Of a runner that
			// was not seen a day ago, three days say nothing yet.
			expr: all(w.burns(w.q.RecordedBurn, slowBurn, "3d", "6h"),
				w.enough(fmt.Sprintf("sum_over_time(%s[%s:%s]) * %s",
					w.q.Selector(w.q.RecordedBad()), w.window("3d"), w.step("2m"), w.stepSeconds("2m"))),
				fmt.Sprintf("present_over_time(%s[%s] offset %s)", w.q.Selector(w.q.RecordedCounted()), w.window("2d"), w.history("1d"))),
			hold:    "1m",
			keep:    "1h", // a matter of days
			summary: "Callbacks of runner {{ $labels.runner }} fail more often than a month's error budget allows",
			description: "Over the last three days, runner {{ $labels.runner }} of {{ $labels.job }} spent its error budget " +
				"{{ $value | humanize }} times as fast as it may (limit: 1). At this pace it is spent before the month is over." + promised +
				w.saysCulprit(slow) + w.worst("6h", names.MetricCallbacks, ofRunner, query.BadOutcomes()),
			dashboard: callback, panel: "Its failures' logs", labels: ofRunner, culprit: slow, since: "3d",
		},
		{
			// No critical twin: what starts late is not lost, and a queue that
			// stands still, or rejects, has critical alerts of its own.
			name: "AfterglowLatencyBudgetBurn", severity: Warning,
			expr: all("("+w.burns(w.q.RecordedLatencyBurn, fastBurn, "1h", "5m")+" or ("+
				w.burns(w.q.RecordedLatencyBurn, steadyBurn, "6h", "30m")+w.unlessOver(w.q.RecordedLatencyFastBurn(), w.q.RecordedLatencyBurn)+"))",
				w.enough(fmt.Sprintf("(%s - %s)",
					w.sum(w.increase("6h", names.MetricQueueWait+"_count", query.InProcess), "runner"),
					w.sum(w.increase("6h", names.MetricQueueWait+"_bucket", query.InProcess, withinASecond), "runner")))),
			hold:    "1m",
			keep:    "5m",
			summary: "Callbacks of runner {{ $labels.runner }} start late",
			description: "Runner {{ $labels.runner }} of {{ $labels.job }} spends the budget of its latency objective " +
				"{{ $value | humanize }} times as fast as it may. " +
				"Promised: " + late + " % of the callbacks start within a second of being due." +
				w.busiest(ofRunner...) + w.latest(),
			dashboard: callback, panel: "Its slow traces", labels: ofRunner, culprit: w.takesMost(ofRunner...), since: "6h",
		},
	}
}

// burns is where a budget burns faster than a factor over both windows.
func (w writer) burns(recorded func(window string) string, factor float64, long, short string) string {
	over := func(window string) string { return above(w.q.Selector(recorded(window)), fmt.Sprint(factor)) }
	return all(over(long), over(short))
}

// fastBurn is where the error budget burns fast, and it is worth a call.
func (w writer) fastBurn() string {
	return all(w.burns(w.q.RecordedBurn, fastBurn, "1h", "5m"), w.enough(w.bad("1h")))
}

// unlessOver leaves out what burnt fast within the hour and does not burn now. No
// traffic is no burn.
func (w writer) unlessOver(fast string, recorded func(window string) string) string {
	return fmt.Sprintf(" unless (present_over_time(%s[%s]) unless %s)",
		w.q.Selector(fast), w.window("1h"), above(w.q.Selector(recorded("5m")), fmt.Sprint(steadyBurn)))
}

// latest names the instance in which most callbacks start late.
func (w writer) latest() string {
	late := fmt.Sprintf("(sum by (%[1]s) (%[2]s) - sum by (%[1]s) (%[3]s))",
		byInstance,
		w.increase("1h", names.MetricQueueWait+"_count", w.same("runner")...),
		w.increase("1h", names.MetricQueueWait+"_bucket", append(w.same("runner"), withinASecond)...))
	return w.lookup(most(late), " Worst instance: "+foundInstance+", with {{ .Value | humanizePercentage }} of those that start late.")
}

// bad is how many callbacks of each runner have ended badly.
func (w writer) bad(window string) string {
	return w.sum(w.increase(window, names.MetricCallbacks, query.BadOutcomes()), "runner")
}

func (writer) enough(count string) string { return fmt.Sprintf("%s >= %d", count, leastBad) }

func above(series, limit string) string { return series + " > " + limit }
