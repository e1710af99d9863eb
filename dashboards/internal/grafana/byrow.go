package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// callbacks has one row for each callback, the one that fails most first.
func (b *board) callbacks() view {
	s, by, slo := b.ofCallback(), []string{varCluster, varPlace, names.LabelRunner, names.LabelCallback}, b.config.SLO()
	return panel{
		title: "Callbacks", width: 24, noValue: "no callback has been asked for",
		description: "Each callback leads to its own page. Success is of all that ended but the skipped and the coalesced. " +
			"Workers taken: how many it keeps busy on average, of runs that have ended. Of timeout: the 99th percentile, 110 % at most. " +
			"A dash: no traffic, or no timeout. Cluster and namespace are there if the targets have such labels.",
	}.table(append([]key{
		{label: names.LabelCallback, title: "Callback", links: []dashboard.DashboardLink{b.toCallbackOfRow()}},
		{label: names.LabelRunner, title: "Runner", width: 85},
		{label: varCluster, title: "Cluster", width: 80},
		{label: varPlace, title: "Namespace", width: 105},
	}, placeOfRow...), inPlaces([]column{
		{title: "Bad a second", unit: "ops", width: 105, expr: s.With(query.BadOutcomes()).Rate(names.MetricCallbacks, by...), steps: some()},
		{title: "Success", unit: "percentunit", width: 90, expr: s.SuccessRatio(by...), steps: falling(1-burnFast*(1-slo), slo), decimals: ptr(2.)},
		{title: "Asked for", unit: "ops", width: 85, expr: s.Rate(names.MetricAsked, by...)},
		{title: "p50", unit: "s", width: 75, expr: s.RunTime(0.5, by...)},
		{title: "p99", unit: "s", width: 75, expr: s.RunTime(0.99, by...)},
		{title: "Of timeout", unit: "percentunit", width: 95, expr: s.TimeoutShare(by...), steps: rising(0.7, 0.9), decimals: ptr(0.)},
		{title: "Workers taken", unit: "short", width: 110, expr: s.Rate(names.MetricCallbackDuration+"_sum", by...), decimals: ptr(2.)},
		{title: "Queue wait", unit: "s", width: 95, expr: s.Mean(names.MetricCallbackWait, by...), steps: rising(0.5, 1)},
		{title: "In flight", unit: "short", width: 80, expr: s.InFlight(by...), decimals: ptr(0.)},
		{title: "Stuck", unit: "short", width: 65, expr: s.Sum(names.MetricStuck, by...), steps: none(), decimals: ptr(0.)},
		{title: "Last success", unit: "s", width: 95, expr: s.SinceSuccess(by...)},
	}), "Bad a second", true)
}

// workTime shows which callbacks take the workers.
func (b *board) workTime(width uint32) view {
	s := b.ofCallback()
	return panel{
		title: "Who takes the workers", unit: "short", width: width,
		description: "How many workers each callback keeps busy, by its run time: all instances, stacked against the workers there are. A run counts when it ends, so long ones come in steps.",
		targets: []target{
			{expr: s.Rate(names.MetricCallbackDuration+"_sum", names.LabelCallback), legend: "{{callback}}"},
			{expr: b.ofRunner().Sum(names.MetricWorkers), legend: "workers"},
		},
		stacked: true, limits: []string{"workers"},
		links: []dashboard.DashboardLink{b.toCallback()},
	}.lines()
}

// errors has a row for each thing that goes wrong.
func (b *board) errors(callback string, width uint32) view {
	keys := []key{
		{label: "what", title: "What failed"},
		{label: "type", title: "Type", width: 170},
	}
	if width == columns {
		keys = append([]key{{label: names.LabelCallback, title: "Callback", width: 170, links: []dashboard.DashboardLink{
			b.to(uidCallback, "Callback "+ofRow(varCallback), varCallback, ofRow(varCallback)),
		}}}, keys...)
	} else {
		keys = append(keys, key{label: names.LabelCallback, hidden: true})
	}
	return b.errorTable(panel{
		title: "What fails, by error", width: width, noValue: "no failure is in the log",
		description: "The ten errors, panics and reasons with most records in the time range. # stands for a number. A record can stand for many: those of one kind are limited, and the log says how many it left out.",
	}, callback, keys, []column{
		{title: "Records", unit: "short", width: 80, decimals: ptr(0.)},
		{title: "First seen", unit: "dateTimeFromNow", width: 135},
		{title: "Last seen", unit: "dateTimeFromNow", width: 135},
	})
}
