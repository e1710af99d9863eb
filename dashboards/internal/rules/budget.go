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

// fastBurn is what 2 % of a month's budget in an hour are, the highest factor.
const fastBurn = 14.4

// The windows and factors are those of the Site Reliability Workbook, chapter
// 5: the long window says that it is worth a call, the short one that it goes
// on. So the alerts need next to no For: it would only delay them. Those that
// have one ride out a single evaluation while a recorded window fills.
func (w writer) budgetAlerts() []alert {
	percent := strconv.FormatFloat(100*w.q.SLO(), 'g', 6, 64)
	late := strconv.FormatFloat(100*w.q.LatencySLO(), 'g', 6, 64)
	burns := func(factor float64, long, short string) string {
		return all(above(w.q.Selector(w.q.RecordedBurn(long)), fmt.Sprint(factor)), above(w.q.Selector(w.q.RecordedBurn(short)), fmt.Sprint(factor)))
	}
	slow := func(factor float64, long, short string) string {
		return all(above(w.q.Selector(w.q.RecordedLatencyBurn(long)), fmt.Sprint(factor)), above(w.q.Selector(w.q.RecordedLatencyBurn(short)), fmt.Sprint(factor)))
	}
	return []alert{
		{
			name: "AfterglowErrorBudgetBurnFast", severity: Critical,
			expr: all(burns(fastBurn, "1h", "5m"), w.enough(w.bad("1h"))),
			hold: "1m",
			keep: "5m", // as long as the short window, which crosses the line many times as an outage ends
			summary: "Callbacks of runner {{ $labels.runner }} fail so fast that " +
				"2 % of a month's error budget goes in an hour",
			description: "Over the last hour, runner {{ $labels.runner }} of {{ $labels.job }} spent its error budget " +
				"{{ $value | humanize }} times as fast as it may (limit: 14.4), and it still does. " +
				"Promised: " + percent + " % of the callbacks end well.",
			dashboard: slo, panel: "Burns fast: critical at 14.4", labels: ofRunner,
		},
		{
			name: "AfterglowErrorBudgetBurn", severity: Critical,
			expr:    all(burns(6, "6h", "30m"), w.enough(w.bad("6h"))),
			hold:    "5m",
			keep:    "15m", // half of the short window
			summary: "Callbacks of runner {{ $labels.runner }} fail so often that 5 % of a month's error budget goes in six hours",
			description: "Over the last six hours, runner {{ $labels.runner }} of {{ $labels.job }} spent its error budget " +
				"{{ $value | humanize }} times as fast as it may (limit: 6), and it still does. " +
				"Promised: " + percent + " % of the callbacks end well.",
			dashboard: slo, panel: "Burns: critical at 6", labels: ofRunner,
		},
		{
			name: "AfterglowErrorBudgetBurnSlow", severity: Warning,
			// Three days of every counter are too much to read every time:
			// the recorded rate, five minutes at a time, says the same.
			expr: all(burns(1, "3d", "6h"), w.enough(fmt.Sprintf("sum_over_time(%s[%s:%s]) * %s",
				w.q.Selector(w.q.RecordedBad()), w.window("3d"), w.window("5m"), w.seconds("5m")))),
			hold:    "1h", // a matter of days; not for a window that has just begun to fill
			keep:    "1h",
			summary: "Callbacks of runner {{ $labels.runner }} fail more often than a month's error budget allows",
			description: "Over the last three days, runner {{ $labels.runner }} of {{ $labels.job }} spent its error budget " +
				"{{ $value | humanize }} times as fast as it may (limit: 1). At this pace it is spent before the month is over. " +
				"Promised: " + percent + " % of the callbacks end well.",
			dashboard: slo, panel: "Burns slowly: warning at 1", labels: ofRunner,
		},
		{
			// No critical twin: what starts late is not lost, and a queue that
			// stands still, or rejects, has critical alerts of its own.
			name: "AfterglowLatencyBudgetBurn", severity: Warning,
			expr: all("("+slow(fastBurn, "1h", "5m")+" or "+slow(6, "6h", "30m")+")",
				w.enough(fmt.Sprintf("(%s - %s)",
					w.sum(w.increase("6h", names.MetricQueueWait+"_count"), "runner"),
					w.sum(w.increase("6h", names.MetricQueueWait+"_bucket", withinASecond), "runner")))),
			hold:    "1m",
			keep:    "5m",
			summary: "Callbacks of runner {{ $labels.runner }} start late",
			description: "Runner {{ $labels.runner }} of {{ $labels.job }} spends the budget of its latency objective " +
				"{{ $value | humanize }} times as fast as it may. " +
				"Promised: " + late + " % of the callbacks start within a second of being due.",
			dashboard: slo, panel: "Latency budget burn rates", labels: ofRunner,
		},
	}
}

// bad is how many callbacks of each runner have ended badly.
func (w writer) bad(window string) string {
	return w.sum(w.increase(window, names.MetricCallbacks, query.BadOutcomes()), "runner")
}

func (writer) enough(count string) string { return fmt.Sprintf("%s >= %d", count, leastBad) }

func above(series, limit string) string { return series + " > " + limit }
