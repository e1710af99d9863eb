package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// overview answers whether it is OK: its first screen does at a glance.
func overview(q query.Config, o Options) (dashboard.Dashboard, error) {
	b := newBoard(q, o, uidOverview, "Afterglow / Overview",
		"Is the work after responses done, in time, and does the runner keep up? Made for Grafana 10.4 and later.")

	b.row("Is it OK?")
	b.add(4, b.firingCount(), b.success(), b.budgetLeft("Error budget left", 3), b.burnNow(), b.oldestNow(), b.utilizationNow("Workers busy, now", 3), b.fillNow(), b.lostToday())
	b.add(13, b.firingNow(), b.firingStates())

	b.row("Callbacks, the worst first")
	b.add(10, b.callbacks())
	b.add(8, b.worst(), b.workTime(8), b.burnLines(8))
	b.add(8, b.errors("$callback", 24))

	b.row("Traffic and outcomes")
	b.add(9, b.askedAndEnded(8), b.outcomes(8), b.requests(8))
	b.add(7, b.rejections(), b.retries(8), b.inFlight(8))

	b.row("Latency")
	b.add(8, b.queueWait(), b.queueWaitHeat(), b.waitByCallback(8))
	b.add(8, b.durations(12), b.durationHeat(12))
	b.add(7, b.responseDelay(12), b.responseDelayHeat(12))

	b.row("Saturation")
	b.add(6, b.instances())
	b.add(8, b.depth(), b.busy(), b.oldest())
	b.add(8, b.places(24))
	b.add(8, b.drainTime(), b.forecast(), b.utilization())

	b.row("The telemetry itself")
	b.add(6, b.telemetryErrors(), b.misuse(), b.namesFolded(), b.versions())
	return b.build()
}

func (b *board) success() view {
	slo := b.config.SLO()
	return panel{
		title: "Success", unit: "percentunit", width: 3,
		description: "Share of callbacks that ended in success, of all but the skipped and the coalesced. Green at the objective, " + percent(slo) + ".",
		targets:     []target{{expr: b.ofCallback().SuccessRatio()}},
		steps:       falling(1-burnFast*(1-slo), slo), max: ptr(1.), noValue: "no traffic or data", decimals: ptr(2.),
		links: []dashboard.DashboardLink{b.toSLO()},
	}.stat()
}

// budgetLeft needs the recorded series.
func (b *board) budgetLeft(title string, width uint32) view {
	return panel{
		title: title, unit: "percentunit", width: width,
		description: "Of the failures that an objective of " + percent(b.config.SLO()) + " allows in 30 days, the share not yet spent. All instances. Needs the recording rules.",
		targets:     []target{{expr: b.errorBudgetLeft()}},
		steps:       falling(0.1, 0.5), max: ptr(1.), signed: true, noValue: "no traffic or data", decimals: ptr(0.),
		links: []dashboard.DashboardLink{b.toSLO()},
	}.stat()
}

func (b *board) burnNow() view {
	return panel{
		title: "Burn rate, 1 h", unit: "suffix:x", width: 3,
		description: "How many times too fast the error budget was spent in the last hour, by the worst runner: at 1 it lasts the 30 days, at 14.4 two. All instances. Needs the recording rules.",
		targets:     []target{{expr: "max(" + b.recorded().Foreign(b.config.RecordedBurn("1h")) + " >= 0)"}},
		steps:       burnSteps(), decimals: ptr(1.), noValue: "no traffic or data",
		links: []dashboard.DashboardLink{b.toSLO()},
	}.stat()
}

func (b *board) oldestNow() view {
	return panel{
		title: "Oldest waiting, now", unit: "s", width: 3,
		description: "How long the longest-waiting callback has been due, one that Limits holds back included. A queue that is stuck shows here and in no histogram.",
		targets:     []target{{expr: b.ofRunner().OldestAge()}},
		steps:       rising(1, 30),
		links:       []dashboard.DashboardLink{b.toRuntime()},
	}.stat()
}

func (b *board) utilizationNow(title string, width uint32) view {
	return panel{
		title: title, unit: "percentunit", width: width,
		description: "Share of the workers' time that callbacks take, on the busiest instance.",
		targets:     []target{{expr: b.ofRunner().Busiest()}},
		steps:       rising(0.8, 0.95), max: ptr(1.),
		links: []dashboard.DashboardLink{b.toRuntime()},
	}.stat()
}

func (b *board) fillNow() view {
	return panel{
		title: "Queue filled", unit: "percentunit", width: 3,
		description: "Callbacks that wait for a worker, as a share of how many may, on the instance where that is highest. At 100 % callbacks are rejected.",
		targets:     []target{{expr: b.ofRunner().Fill()}},
		steps:       rising(0.5, 0.8), max: ptr(1.),
		links: []dashboard.DashboardLink{b.toRuntime()},
	}.stat()
}

func (b *board) lostToday() view {
	return panel{
		title: "Lost in 24 h", unit: "short", width: 3,
		description: "Callbacks that were rejected, dropped, canceled or abandoned in the last 24 hours: work that was asked for and not done.",
		targets:     []target{{expr: b.ofCallback().Over("1d").Lost()}},
		steps:       none(), decimals: ptr(0.),
	}.stat()
}

func (b *board) burnLines(width uint32) view {
	return panel{
		title: "Error budget burn rate, 1 h", unit: "suffix:x", width: width,
		description: "How many times too fast the error budget is spent. Dashed: 1, 6 and 14.4, where alerts begin. All instances. Needs the recording rules.",
		targets:     []target{{expr: b.recorded().Foreign(b.config.RecordedBurn("1h")), legend: "{{runner}}" + ofPlace}},
		steps:       burnSteps(), showSteps: true,
		links: []dashboard.DashboardLink{b.toSLO()},
	}.lines()
}

func (b *board) askedAndEnded(width uint32) view {
	s := b.ofCallback()
	return panel{
		title: "Asked for and ended", unit: "ops", width: width,
		description: "Callbacks asked for, rejected ones included, and callbacks that came to an end. The lines part while work piles up. Dotted: how many were asked for a week before.",
		targets: []target{
			{expr: s.Rate(names.MetricAsked), legend: "asked for"},
			{expr: s.Rate(names.MetricCallbacks), legend: "ended"},
			{expr: s.RateBefore("1w", names.MetricAsked), legend: "asked for a week before"},
		},
		colors: palette{{"asked for", blue}, {"ended", green}}, reference: "asked for a week before",
	}.lines()
}

// requests are those of the HTTP server, if it is instrumented as OpenTelemetry's
// semantic conventions have it.
func (b *board) requests(width uint32) view {
	served := b.ofJob().Foreign("http_server_request_duration_seconds_count")
	return panel{
		title: "Requests and callbacks", unit: "ops", width: width, noValue: "no data",
		description: "Requests served, callbacks asked for, and how many of these a request asks for on average (right). " +
			"Where callbacks follow the requests, there is more traffic; where they part, the code asks for more or fewer. " +
			"Needs http_server_request_duration_seconds, as OpenTelemetry's HTTP instrumentation exposes it.",
		targets: []target{
			{expr: "sum(rate(" + served + "[" + rateInterval + "]))", legend: "requests"},
			{expr: b.ofCallback().Rate(names.MetricAsked), legend: "callbacks"},
			{expr: b.ofCallback().Rate(names.MetricAsked) + " / (sum(rate(" + served + "[" + rateInterval + "])) > 0)", legend: "callbacks a request"},
		},
		colors: palette{{"requests", "purple"}, {"callbacks", blue}}, reference: "callbacks a request",
		overrides: []dashboard.DashboardFieldConfigSourceOverrides{
			override("callbacks a request", property("custom.axisPlacement", "right"), property("unit", "short")),
		},
	}.lines()
}

func (b *board) outcomes(width uint32) view {
	return panel{
		title: "Outcomes", unit: "ops", width: width,
		description: "How callbacks ended, stacked. Each outcome has its color on every panel.",
		targets:     []target{{expr: b.ofCallback().Rate(names.MetricCallbacks, "outcome"), legend: "{{outcome}}"}},
		colors:      byOutcome, stacked: true,
	}.lines()
}

func (b *board) worst() view {
	s := b.ofCallback().With(query.BadOutcomes())
	return panel{
		title: "Callbacks that fail most", unit: "ops", width: 8,
		description: "The five callbacks with most bad ends, and how they ended. Follow a series to its callback.",
		targets: []target{{
			expr:   "topk(5, " + s.Rate(names.MetricCallbacks, "callback", "outcome") + " > 0)",
			legend: "{{callback}}: {{outcome}}",
		}},
		noValue: "none failed",
		links:   b.toCallbackAndSignals(true),
	}.lines()
}

func (b *board) rejections() view {
	return panel{
		title: "Rejected, by reason", unit: "ops", width: 8,
		description: "Callbacks rejected when they were asked for. queue_full: the workers do not keep up. reserved_full: responses stay open. held_full: Limits hold too many back. " +
			"paused_full: too many are to be tried again. closed: asked for after Shutdown.",
		targets: []target{{expr: b.ofRunner().Rate(names.MetricRejected, "reason"), legend: "{{reason}}"}}, noValue: "none rejected",
		stacked: true,
		links:   []dashboard.DashboardLink{b.toRuntime()},
	}.lines()
}

func (b *board) retries(width uint32) view {
	return panel{
		title: "Retries", unit: "ops", width: width,
		description: "Attempts beyond the first, by callback.",
		targets:     []target{{expr: b.ofCallback().Rate(names.MetricRetries, "callback"), legend: "{{callback}}"}},
		links:       []dashboard.DashboardLink{b.toCallback()},
	}.lines()
}

func (b *board) inFlight(width uint32) view {
	return panel{
		title: "In flight", unit: "short", width: width,
		description: "Callbacks asked for that have not ended: they wait or run. The one that grows fills the places that panel Places, by state shows. Durable tasks are in the store, and on Durable.",
		targets:     []target{{expr: b.ofCallback().InFlight("callback"), legend: "{{callback}}"}},
		stacked:     true,
		links:       []dashboard.DashboardLink{b.toCallback()},
	}.lines()
}

func (b *board) telemetryErrors() view {
	return panel{
		title: "Telemetry errors", unit: "ops", width: 6,
		description: "Failures of the telemetry itself: panics and runtime.Goexit, unusable answers of Config.RelationFor, snapshots that could not be " +
			"written. And panics of other observers. While there are any, the other panels may be wrong.",
		targets: []target{{expr: b.ofJob().Rate(names.MetricTelemetryErrors, "signal"), legend: "{{signal}}"}},
	}.lines()
}

func (b *board) namesFolded() view {
	return panel{
		title: "Callbacks counted as other", unit: "ops", width: 6,
		description: "Callbacks whose name came after runner.Config.MaxNames others. Names are meant to be constants.",
		targets:     []target{{expr: b.ofRunner().Rate(names.MetricNamesFolded, "runner"), legend: "{{runner}}"}},
	}.lines()
}

func (b *board) misuse() view {
	return panel{
		title: "Calls that ask for nothing", unit: "ops", width: 6,
		description: "Calls of After, Go and Do that were wrong: without a scope, with an invalid name, or without a function. The log names the line of each, once.",
		targets:     []target{{expr: b.ofJob().Rate(names.MetricMisuse, "reason"), legend: "{{reason}}"}},
	}.lines()
}

func (b *board) versions() view {
	return panel{
		title: "Instances, by version", unit: "short", width: 6,
		description: "How many instances run which version of Afterglow, built by which Go.",
		targets: []target{{
			expr:   "count by (version, goversion) (" + b.ofJob().Series(names.MetricBuildInfo) + ")",
			legend: "{{version}}, {{goversion}}",
		}},
		stacked: true,
	}.lines()
}
