package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

func (b *board) drains() view {
	return panel{
		title: "Last drain", unit: "s", width: 8, points: true,
		description: "How long the last drain of each instance took. Only a process that lives on after Shutdown is scraped with it.", noValue: "none seen",
		targets: []target{{expr: b.ofRunner().Peak(names.MetricShutdownDuration, "instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance}},
	}.lines()
}

func (b *board) lostByInstance() view {
	return panel{
		title: "Lost at shutdown", unit: "none", width: 8, bars: true, decimals: ptr(0.), interval: "1m", noValue: "none seen",
		description: "How many callbacks a drain kept from coming to their own end. The log below names them.",
		targets:     []target{{expr: b.ofRunner().Increase(names.MetricShutdownLost, "instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance}},
	}.lines()
}

func (b *board) drainRecords() view {
	return b.records(panel{
		title: "Drains, and what they lost", width: 14, noValue: "no drain is in the log",
		description: "What was to be done when a drain began, what was lost, by name, and by your references if runner.Ref gave any. A start is of level info. Open a record for its trace.",
	}, func(s logStore) variants.Dataquery { return s.drainLines() })
}

func (b *board) drainTraces() view {
	return b.traces(panel{
		title: "Traces of drains", width: 10, noValue: "none that has ended",
		description: "Spans of shutdowns of every runner. Its status names what was lost.",
	}, spans{})
}

// lostByCallback asks for the version that an instance ran longest within the
// time range: an instance that is gone has none now.
func (b *board) lostByCallback() view {
	lost := b.ofRunner().With(`outcome=~"dropped|canceled|abandoned"`).Over("$__range")
	version := "topk by (" + eachInstance + ") (1, count_over_time(" + b.ofJob().Series(names.MetricBuildInfo) + "[$__range])) ^ 0"
	return panel{
		title: "Lost after it was accepted, by callback", width: 24, noValue: "none was lost",
		description: "Callbacks that were accepted and dropped, canceled or abandoned in the time range: by a drain, or for a newer one. The version is that of Afterglow on the instance.",
	}.table(append([]key{
		{label: names.LabelCallback, title: "Callback", links: []dashboard.DashboardLink{b.toCallbackOfRow()}},
		{label: names.LabelRunner, title: "Runner", width: 120},
		{label: names.LabelOutcome, title: "Outcome", width: 120},
		{label: varCluster, title: "Cluster", width: 90},
		{label: varPlace, title: "Namespace", width: 115},
		{label: varPod, title: "Pod", width: 150},
		{label: "instance", title: "Instance", width: 180},
		{label: names.LabelVersion, title: "Version", width: 200},
	}, placeOfRow...), []column{{
		title: "Lost", unit: "short", width: 90, decimals: ptr(0.), steps: none(),
		expr: inPlace("sum by (" + eachInstance + ", callback, runner, outcome, version) (increase(" + lost.Series(names.MetricCallbacks) + "[$__range])" +
			" * on (" + eachInstance + ") group_left (version) (" + version + ")) > 0"),
	}}, "Lost", true)
}
