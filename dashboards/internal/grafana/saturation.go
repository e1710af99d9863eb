package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

func (b *board) depth() view {
	s := b.ofRunner()
	return panel{
		title: "Queue depth", unit: "short", width: 8,
		description: "Places taken, the most taken at once within the last one to two minutes, and the places there are. All instances.",
		targets: []target{
			{expr: s.Sum(names.MetricQueueDepth), legend: "taken"},
			{expr: s.Sum(names.MetricQueueHighWater), legend: "high water"},
			{expr: s.Sum(names.MetricQueueCapacity), legend: "capacity"},
		},
		colors: palette{{"taken", blue}, {"high water", orange}}, limits: []string{"capacity"},
		links: []dashboard.DashboardLink{toRuntime()},
	}.lines()
}

func (b *board) busy() view {
	s := b.ofRunner()
	return panel{
		title: "Workers", unit: "short", width: 8,
		description: "Workers that run a callback, at the moment of the scrape and on average, and the workers there are. All instances.",
		targets: []target{
			{expr: s.Sum(names.MetricWorkersBusy), legend: "busy now"},
			{expr: s.Rate(names.MetricWorkerBusyTime), legend: "busy on average"},
			{expr: s.Sum(names.MetricWorkers), legend: "workers"},
		},
		colors: palette{{"busy now", blue}, {"busy on average", orange}}, limits: []string{"workers"},
		links: []dashboard.DashboardLink{toRuntime()},
	}.lines()
}

func (b *board) oldest() view {
	return panel{
		title: "Oldest waiting", unit: "s", width: 8,
		description: "How long the longest-waiting callback of each runner has been due. A line that rises at 45 degrees is a queue that is stuck.",
		targets:     []target{{expr: b.ofRunner().OldestAge("runner"), legend: "{{runner}}"}},
		links:       []dashboard.DashboardLink{toRuntime()},
	}.lines()
}

func (b *board) drainTime() view {
	return panel{
		title: "Time to drain", unit: "s", width: 8,
		description: "How long the workers would take at their present pace to empty the queue if nothing came; an hour at most. Compare with the time a deploy leaves for Shutdown.",
		targets:     []target{{expr: b.ofRunner().TimeToDrain("runner"), legend: "{{runner}}"}},
	}.lines()
}

func (b *board) forecast() view {
	s := b.ofRunner()
	return panel{
		title: "Queue depth in 15 minutes", unit: "short", width: 8,
		description: "Where the depth leads if it goes on as in the last 15 minutes, its capacity at most. All instances.",
		targets: []target{
			{expr: s.Over("15m").Forecast("900"), legend: "in 15 minutes"},
			{expr: s.Sum(names.MetricQueueDepth), legend: "now"},
			{expr: s.Sum(names.MetricQueueCapacity), legend: "capacity"},
		},
		colors: palette{{"in 15 minutes", orange}, {"now", blue}}, limits: []string{"capacity"},
	}.lines()
}

func (b *board) utilization() view {
	return panel{
		title: "Workers busy", unit: "percentunit", width: 8,
		description: "Share of the workers' time that callbacks take, by runner.",
		targets:     []target{{expr: b.ofRunner().Utilization("runner"), legend: "{{runner}}"}},
		steps:       rising(0.8, 0.95), showSteps: true, max: ptr(1.),
		links: []dashboard.DashboardLink{toRuntime()},
	}.lines()
}
