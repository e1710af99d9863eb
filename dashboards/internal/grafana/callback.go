package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// callback is about one callback: what becomes of it, and why it fails.
func callback(q query.Config, o Options) (dashboard.Dashboard, error) {
	b := newBoard(q, o, uidCallback, "Afterglow / Callback",
		"One callback: how often, how it ends, how long it runs against its timeout, and its failures' logs and traces. Made for Grafana 10.4 and later.")
	b.variables(varMetrics, varTraces, varLogs, varJob, varInstance, varRunner, varCallback)
	b.annotations()

	b.row("$callback: is it OK?")
	b.add(4, b.callbackSuccess(), b.callbackRate(), b.callbackFailures(), b.callbackTimeoutShare(), b.callbackLastSuccess(), b.callbackStuck())

	b.row("Rate and outcomes")
	b.add(8, b.askedAndEnded(8), b.outcomes(8), b.failureStates())

	b.row("Run time")
	b.add(8, b.callbackDurations(), b.durationHeat(8), b.durationByResult())

	b.row("Why it fails")
	b.add(10, b.failureLogs(), b.failedTraces())

	b.row("Trouble on its way")
	b.add(7, b.retries(6), b.inFlight(6), b.stuck("callback", 6), b.lastSuccess())
	return b.build()
}

// follow leads from a panel to the traces and the logs of the callback.
func follow(tags string) []dashboard.DashboardLink {
	return []dashboard.DashboardLink{toTraces("${callback}", tags), toLogs("${callback}")}
}

func (b *board) callbackSuccess() view {
	slo := b.config.SLO()
	return panel{
		title: "Success", unit: "percentunit", width: 4,
		description: "Share of its runs that ended in success, of all but the skipped and the coalesced. Green at the objective, " + percent(slo) + ".",
		targets:     []target{{expr: b.ofCallback().SuccessRatio()}},
		steps:       falling(1-burnFast*(1-slo), slo), max: ptr(1.), noValue: "no traffic or data", decimals: ptr(2.),
		links: follow("error=true"),
	}.stat()
}

func (b *board) callbackRate() view {
	return panel{
		title: "Asked for", unit: "ops", width: 4,
		description: "How often it is asked for, rejected ones included.",
		targets:     []target{{expr: b.ofCallback().Rate(names.MetricAsked)}},
		steps:       plain(),
	}.stat()
}

func (b *board) callbackFailures() view {
	return panel{
		title: "Failed in 24 h", unit: "short", width: 4,
		description: "How many ended badly in the last 24 hours, rejected and lost ones included.",
		targets: []target{{
			expr: b.ofCallback().Over("1d").With(query.BadOutcomes()).Increase(names.MetricCallbacks),
		}},
		steps: none(), decimals: ptr(0.),
		links: follow("error=true"),
	}.stat()
}

func (b *board) callbackTimeoutShare() view {
	return panel{
		title: "p99 of its timeout", unit: "percentunit", width: 4,
		description: "The 99th percentile of its run time as a share of its timeout. At 100 % one in a hundred is cut short.",
		targets:     []target{{expr: b.ofCallback().TimeoutShare()}},
		steps:       rising(0.7, 0.9), noValue: "no timeout or data",
	}.stat()
}

func (b *board) callbackLastSuccess() view {
	return panel{
		title: "Last success", unit: "s", width: 4,
		description: "How long ago it last succeeded, on any instance. Judge it by how often it is asked for.",
		targets:     []target{{expr: b.ofCallback().SinceSuccess()}},
		steps:       plain(), noValue: "never, or no data",
	}.stat()
}

func (b *board) callbackStuck() view {
	return panel{
		title: "Stuck", unit: "short", width: 4,
		description: "Runs that go on past their deadline and do not listen: each is a goroutine that leaks. The log says on which line it hangs.",
		targets:     []target{{expr: b.ofCallback().Sum(names.MetricStuck)}},
		steps:       none(), decimals: ptr(0.),
		links: follow("error=true"),
	}.stat()
}

func (b *board) failureStates() view {
	s := b.ofCallback().With(query.BadOutcomes())
	return panel{
		title: "When it failed", unit: "ops", width: 8,
		description: "Which bad outcomes there were when. A line would hide the one failure of a night.",
		targets:     []target{{expr: s.Rate(names.MetricCallbacks, "outcome"), legend: "{{outcome}}"}},
		steps:       []step{{color: green}, {1e-9, orange}, {1, red}}, decimals: ptr(2.),
		links: follow("error=true"),
	}.states()
}

func (b *board) callbackDurations() view {
	s := b.ofCallback()
	targets := append(quantiles(s, names.MetricCallbackDuration), target{expr: s.Max(names.MetricCallbackTimeout), legend: "timeout"})
	targets[0].exemplars = true // one query's are enough
	return panel{
		title: "Run time against timeout", unit: "s", width: 8,
		description: "How long it runs, failures included, and the timeout of the one asked for last. The dots are exemplars: each leads to its trace, and from there to its log.",
		targets:     targets, colors: byQuantile, limits: []string{"timeout"},
		links: follow(""),
	}.lines()
}

func (b *board) durationByResult() view {
	return panel{
		title: "Run time p95, by result", unit: "s", width: 8,
		description: "Whether it fails fast or slowly.",
		targets: []target{{
			expr:   b.ofCallback().Quantile(0.95, names.MetricCallbackDuration, "result"),
			legend: "{{result}}", exemplars: true,
		}},
		colors: palette{{names.ResultSuccess, green}, {names.ResultFailure, red}},
		links:  follow(""),
	}.lines()
}

func (b *board) failureLogs() view {
	return panel{
		title: "Its failures' logs", width: 14,
		description: "Records of runs that did not do well. Each has the trace_id that leads to its trace.",
	}.records(logsOf("${callback}"))
}

func (b *board) failedTraces() view {
	return panel{
		title: "Its failed traces", width: 10,
		description: "Spans of runs that ended in an error. Each links to the request that asked for it.",
	}.traces(names.SpanProcess+" ${callback}", "error=true")
}

func (b *board) stuck(by string, width uint32) view {
	s := b.ofRunner()
	if by == "callback" {
		s = b.ofCallback()
	}
	return panel{
		title: "Stuck, by " + by, unit: "short", width: width,
		description: "Callbacks that run on past their deadline and do not listen: each is a goroutine that leaks.",
		targets:     []target{{expr: s.Sum(names.MetricStuck, by), legend: "{{" + by + "}}"}},
		stacked:     true,
	}.lines()
}

func (b *board) lastSuccess() view {
	return panel{
		title: "Since its last success", unit: "s", width: 6,
		description: "By instance. A line that only rises is an instance where it has stopped.",
		targets:     []target{{expr: b.ofCallback().SinceSuccess("instance"), legend: "{{instance}}"}},
	}.lines()
}
