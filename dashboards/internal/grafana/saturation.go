package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func (b *board) depth() view {
	s := b.ofRunner()
	return panel{
		title: "Queue depth", unit: "short", width: 8,
		description: "Callbacks that wait for a worker, the most that did at once within the last one to two minutes, and how many may. All instances.",
		targets: []target{
			{expr: s.Sum(names.MetricQueueDepth), legend: "waiting"},
			{expr: s.Sum(names.MetricQueueHighWater), legend: "high water"},
			{expr: s.Sum(names.MetricQueueCapacity), legend: "capacity"},
		},
		colors: palette{{"waiting", blue}, {"high water", orange}}, limits: []string{"capacity"},
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
		description: "How long the workers would take at their present pace to start what is due if nothing came; an hour at most. Compare with the time a deploy leaves for Shutdown. " +
			"What waits for an open response or another attempt is not counted: no worker can hasten it.",
		targets: []target{{expr: b.ofRunner().TimeToDrain("runner"), legend: "{{runner}}"}},
	}.lines()
}

func (b *board) forecast() view {
	s := b.ofRunner()
	return panel{
		title: "Queue depth in 15 minutes", unit: "short", width: 8,
		description: "Where the number of callbacks that wait for a worker leads if it goes on as in the last 15 minutes, the capacity at most. All instances.",
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

// places is how full each kind of places is. Limits of several instances or runners do
// not add up: the fullest one counts.
func (b *board) places(width uint32, by ...string) view {
	legend := "{{state}}"
	if len(by) > 0 {
		legend = "{{instance}} {{runner}}: {{state}}"
	}
	p := panel{
		title: "Places, by state", unit: "percentunit", width: width,
		description: "What callbacks wait for, and which share of the places for it they take. queued: a worker. reserved: a response that is still open. " +
			"held: their share of Limits. paused: another attempt. One name may take half of each but the queue: from there on callbacks are rejected. " +
			"They can exceed 100 % when many responses end at once.",
		targets:   []target{{expr: b.ofRunner().Filled(append(by, names.LabelState)...), legend: legend}},
		steps:     rising(0.45, 1),
		showSteps: true,
	}
	if len(by) == 0 {
		p.colors = palette{
			{runner.PlaceQueued.String(), blue}, {runner.PlaceReserved.String(), "purple"},
			{runner.PlaceHeld.String(), yellow}, {runner.PlacePaused.String(), "text"},
		}
		p.links = []dashboard.DashboardLink{toRuntime()}
	}
	return p.lines()
}
