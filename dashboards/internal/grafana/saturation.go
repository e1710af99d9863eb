package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Panels of several instances show the fullest one beside the sum: a mean, and a
// sum compared with a sum, look well while one instance rejects all it is asked.

// fullest is what a metric says of the instance whose queue is fullest.
func (b *board) fullest(metric string) string {
	s := b.ofRunner()
	return ofFirst(s.Series(metric), s.Series(names.MetricQueueDepth)+" / "+s.Series(names.MetricQueueCapacity))
}

// busiest is what an expression says of the instance whose workers are busiest.
func (b *board) busiest(expr string) string { return ofFirst(expr, b.ofRunner().Utilization()) }

// ofFirst is what an expression says of the instance that has the highest share.
func ofFirst(expr, share string) string {
	return "max(" + expr + " and on (" + query.Told(varInstance, varRunner) + ") topk(1, " + share + "))"
}

func (b *board) depth() view {
	return panel{
		title: "Queue depth", unit: "short", width: 8,
		description: "Callbacks that wait for a worker on the instance whose queue is fullest, the most that did at once within the last one to two minutes, and how many may there. Dotted: those of all instances.",
		targets: []target{
			{expr: b.fullest(names.MetricQueueDepth), legend: "fullest instance"},
			{expr: b.fullest(names.MetricQueueHighWater), legend: "its high water"},
			{expr: b.fullest(names.MetricQueueCapacity), legend: "its capacity"},
			{expr: b.ofRunner().Sum(names.MetricQueueDepth), legend: "all instances"},
		},
		colors: palette{{"fullest instance", blue}, {"its high water", orange}}, limits: []string{"its capacity"}, reference: "all instances",
		links: []dashboard.DashboardLink{b.toRuntime()},
	}.lines()
}

func (b *board) busy() view {
	s := b.ofRunner()
	return panel{
		title: "Workers", unit: "short", width: 8,
		description: "Workers that run a callback on the busiest instance, at the moment of the scrape and on average, and the workers there are. Dotted: busy workers of all instances.",
		targets: []target{
			{expr: b.busiest(s.Series(names.MetricWorkersBusy)), legend: "busiest instance, now"},
			{expr: b.busiest(s.Rate(names.MetricWorkerBusyTime, "instance", "runner")), legend: "on average"},
			{expr: b.busiest(s.Series(names.MetricWorkers)), legend: "its workers"},
			{expr: s.Rate(names.MetricWorkerBusyTime), legend: "all instances"},
		},
		colors: palette{{"busiest instance, now", blue}, {"on average", orange}}, limits: []string{"its workers"}, reference: "all instances",
		links: []dashboard.DashboardLink{b.toRuntime()},
	}.lines()
}

func (b *board) oldest() view {
	return panel{
		title: "Oldest waiting", unit: "s", width: 8, softMax: 1,
		description: "How long the longest-waiting callback has been due, on the five instances where that is longest. A line that rises at 45 degrees is a queue that is stuck, or one callback that Limits holds back: Queue stands still (Runtime) tells which.",
		targets:     []target{{expr: "topk(5, " + b.ofRunner().OldestAge("instance", "runner") + ")", legend: "{{instance}} {{runner}}" + ofInstance}},
		links:       []dashboard.DashboardLink{b.toInstance()},
	}.lines()
}

func (b *board) drainTime() view {
	return panel{
		title: "Time to drain", unit: "s", width: 8, softMax: 1,
		description: "How long the workers of the slowest instance would take at their present pace to start what is due there if nothing came; an hour at most. Compare with the time a deploy leaves for Shutdown. " +
			"What waits for an open response or another attempt is not counted: no worker can hasten it.",
		targets: []target{{expr: b.ofRunner().TimeToDrain("runner"), legend: "{{runner}}"}},
	}.lines()
}

func (b *board) forecast() view {
	s := b.ofRunner()
	return panel{
		title: "Queue depth in 15 minutes", unit: "short", width: 8,
		description: "Where the number of callbacks that wait for a worker leads if it goes on as in the last 15 minutes, the capacity at most. Of the instance that will then be fullest, beside the one that is now.",
		targets: []target{
			{expr: s.Over("15m").Forecast("900"), legend: "in 15 minutes"},
			{expr: b.fullest(names.MetricQueueDepth), legend: "now"},
			{expr: b.fullest(names.MetricQueueCapacity), legend: "capacity"},
		},
		colors: palette{{"in 15 minutes", orange}, {"now", blue}}, limits: []string{"capacity"},
	}.lines()
}

func (b *board) utilization() view {
	return panel{
		title: "Workers busy", unit: "percentunit", width: 8,
		description: "Share of the workers' time that callbacks take, on the five instances where that is most.",
		targets:     []target{{expr: "topk(5, " + b.ofRunner().Utilization() + ")", legend: "{{instance}} {{runner}}" + ofInstance}},
		steps:       rising(0.8, 0.95), showSteps: true, max: ptr(1.),
		links: []dashboard.DashboardLink{b.toInstance()},
	}.lines()
}

// instances has a row an instance, the fullest first.
func (b *board) instances() view {
	s, by := b.ofRunner(), []string{"instance", names.LabelRunner}
	return panel{
		title: "Instances, the fullest first", width: 24, noValue: "no instance is seen",
		description: "Each instance leads to its own page. Full is a queue or workers at 100 %: from there on callbacks are rejected, or wait.",
	}.table(append([]key{
		{label: varCluster, title: "Cluster", width: 80},
		{label: varPlace, title: "Namespace", width: 100},
		{label: varPod, title: "Pod", width: 150},
		{label: "instance", title: "Instance", links: []dashboard.DashboardLink{b.toInstanceOfRow()}},
		{label: "runner", title: "Runner", width: 90},
	}, placeOfRow...), inPlaces([]column{
		{title: "Queue filled", unit: "percentunit", width: 105, expr: s.Fill(by...), steps: rising(0.5, 0.8), decimals: ptr(0.)},
		{title: "Workers busy", unit: "percentunit", width: 110, expr: s.Busiest(by...), steps: rising(0.8, 0.95), decimals: ptr(0.)},
		{title: "Oldest waiting", unit: "s", width: 115, expr: s.OldestAge(by...), steps: rising(1, 30)},
		{title: "Longest running", unit: "s", width: 120, expr: s.Max(names.MetricLongestRunning, by...), steps: rising(30, 300)},
		{title: "Stuck", unit: "short", width: 65, expr: s.Sum(names.MetricStuck, by...), steps: none(), decimals: ptr(0.)},
		{title: "Ended a second", unit: "ops", width: 115, expr: s.Rate(names.MetricCallbacks, by...)},
		{title: "Bad a second", unit: "ops", width: 105, expr: s.With(query.BadOutcomes()).Rate(names.MetricCallbacks, by...), steps: some()},
		{title: "Success", unit: "percentunit", width: 90, expr: s.SuccessRatio(by...), steps: falling(1-burnFast*(1-b.config.SLO()), b.config.SLO()), decimals: ptr(2.)},
	}), "Queue filled", true)
}

// places is how full each kind of places is. Limits of several instances or runners do
// not add up: the fullest one counts.
func (b *board) places(width uint32, by ...string) view {
	legend := "{{state}}"
	if len(by) > 0 {
		legend = "{{instance}} {{runner}}: {{state}}" + ofInstance
	}
	p := panel{
		title: "Places, by state", unit: "percentunit", width: width, softMax: 1,
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
		p.links = []dashboard.DashboardLink{b.toRuntime()}
	}
	return p.lines()
}
