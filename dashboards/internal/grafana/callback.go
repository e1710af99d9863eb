package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// callback is about one callback: what becomes of it, and why it fails.
func callback(q query.Config, o Options) (dashboard.Dashboard, error) {
	b := newBoard(q, o, uidCallback, "Afterglow / Callback",
		"One callback: how often, how it ends, how long it runs against its timeout, and its failures' logs and traces. Made for Grafana 10.4 and later.")

	b.row("$callback: is it OK?")
	b.add(4, b.callbackSuccess(), b.callbackRate(), b.callbackFailures(), b.callbackTimeoutShare(), b.callbackLastSuccess(), b.callbackStuck())

	b.row("Rate and outcomes")
	b.add(8, b.askedAndEnded(8), b.outcomes(8), b.failureStates())

	b.row("Run time")
	b.add(8, b.callbackDurations(), b.durationHeat(8), b.durationByResult())

	b.row("Why it fails")
	b.add(10, b.failureLogs(), b.failedTraces())
	b.add(8, b.errors("${callback}", 14), b.slowTraces())

	b.row("Trouble on its way")
	b.add(7, b.retries(6), b.inFlight(6), b.stuck("Stuck, by callback", "callback", 6), b.lastSuccess())
	b.add(7, b.waitByCallback(12), b.workTime(12))
	return b.build()
}

// follow leads from a panel to the traces and the logs of the callback.
func (b *board) follow(failed bool) []dashboard.DashboardLink {
	return append(b.toTraces(spans{callback: "${callback}", failed: failed}), b.toLogs("${callback}")...)
}

func (b *board) callbackSuccess() view {
	slo := b.config.SLO()
	return panel{
		title: "Success", unit: "percentunit", width: 4,
		description: "Share of its runs that ended in success, of all but the skipped and the coalesced. Green at the objective, " + percent(slo) + ".",
		targets:     []target{{expr: b.ofCallback().SuccessRatio()}},
		steps:       falling(1-burnFast*(1-slo), slo), max: ptr(1.), noValue: "no traffic or data", decimals: ptr(2.),
		links: b.follow(true),
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
		links: b.follow(true),
	}.stat()
}

func (b *board) callbackTimeoutShare() view {
	return panel{
		title: "p99 of its timeout", unit: "percentunit", width: 4,
		description: "The 99th percentile of its run time as a share of its timeout. From 100 % on, one in a hundred is cut short. It says 110 % at most: farther, buckets are too wide to tell. Stuck counts what runs on.",
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
		links: b.follow(true),
	}.stat()
}

// failureStates shows one failure of a night, which a line would hide.
func (b *board) failureStates() view {
	failed := b.ofCallback().With(query.BadOutcomes()).Rate(names.MetricCallbacks, "outcome")
	return wordless(panel{
		title: "When it failed", unit: "short", width: 8,
		description: "Which bad outcomes there were when: green none, orange some, red more than one a second.",
		targets: []target{{
			expr:   "sgn(" + failed + ") + (" + failed + ` > bool 1) or on () label_replace(vector(0), "outcome", "not seen", "", "")`,
			legend: "{{outcome}}",
		}},
		mappings: []dashboard.ValueMapping{says(0, "none", green), says(1, "some", orange), says(2, "more than one a second", red)},
		links:    b.follow(true),
	}.states())
}

func (b *board) callbackDurations() view {
	s := b.ofCallback()
	return panel{
		title: "Run time against timeout", unit: "s", width: 8,
		description: "How long it runs, failures included, and the timeout of the one asked for last. A quantile lies in a bucket, not at a point: runs that time out are drawn up to a tenth above the timeout. " +
			"The dots are exemplars, which lie where the runs did: each leads to its trace, and from there to its log.",
		targets: []target{
			{expr: s.RunTime(0.99), legend: "p99", exemplars: true}, // one query's are enough
			{expr: s.RunTime(0.95), legend: "p95"},
			{expr: s.RunTime(0.5), legend: "p50"},
			{expr: s.Max(names.MetricCallbackTimeout), legend: "timeout"},
		},
		colors: byQuantile, limits: []string{"timeout"},
		links: b.follow(false),
	}.lines()
}

func (b *board) durationByResult() view {
	return panel{
		title: "Run time p95, by result", unit: "s", width: 8,
		description: "Whether it fails fast or slowly; at most a tenth above the timeout.",
		targets:     []target{{expr: b.ofCallback().RunTimeByResult(0.95), legend: "{{result}}", exemplars: true}},
		colors:      palette{{names.ResultSuccess, green}, {names.ResultFailure, red}},
		links:       b.follow(false),
	}.lines()
}

func (b *board) failureLogs() view {
	return b.records(panel{
		title: "Its failures' logs", width: 14, noValue: "no failure is in the log",
		description: "Records of runs that did not do well: what went wrong and where. Open one for its stack, its trace and the trace of its request.",
	}, func(s logStore) variants.Dataquery { return s.failureLines("${callback}", false) })
}

func (b *board) failedTraces() view {
	return b.traces(panel{
		title: "Its failed traces", width: 10, noValue: "none that has ended: one that hangs has no span yet, see the log",
		description: "Spans of runs that ended in an error. A span has the trace of its request as afterglow.request.trace_id, as Grafana does not show its link: copy it into Explore.",
	}, spans{callback: "${callback}", failed: true})
}

func (b *board) slowTraces() view {
	return b.traces(panel{
		title: "Its slow traces", width: 10, noValue: "none has taken so long, and ended",
		description: "Spans of runs that took longer than Slower than, above, says. The longest child span is what it waited for.",
	}, spans{callback: "${callback}", slower: "${" + varSlow + "}"})
}

func (b *board) stuck(title, by string, width uint32) view {
	s := b.ofRunner()
	if by == "callback" {
		s = b.ofCallback()
	}
	legend := "{{" + by + "}}"
	if by == varInstance {
		legend += ofInstance
	}
	return panel{
		title: title, unit: "short", width: width,
		description: "Callbacks that run on past their deadline and do not listen: each is a goroutine that leaks.",
		targets:     []target{{expr: s.Sum(names.MetricStuck, by), legend: legend}},
		stacked:     true,
	}.lines()
}

func (b *board) lastSuccess() view {
	return panel{
		title: "Since its last success", unit: "s", width: 6,
		description: "By instance. A line that only rises is an instance where it has stopped.",
		targets:     []target{{expr: b.ofCallback().SinceSuccess("instance"), legend: "{{instance}}" + ofInstance}},
	}.lines()
}
