package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// quantiles are the three that latency panels draw.
func quantiles(s query.Scope, metric string) []target {
	return []target{
		{expr: s.Quantile(0.99, metric), legend: "p99"},
		{expr: s.Quantile(0.95, metric), legend: "p95"},
		{expr: s.Quantile(0.5, metric), legend: "p50"},
	}
}

func (b *board) queueWait() view {
	return panel{
		title: "Queue wait", unit: "s", width: 8,
		description: "From due to started: do the workers keep up? The objective is a second. Durable tasks, which wait for a database too, have theirs on Durable.",
		targets:     quantiles(b.ofRunner().With(query.InProcess), names.MetricQueueWait), colors: byQuantile,
		steps: []step{{color: green}, {1, red}}, showSteps: true,
		links: []dashboard.DashboardLink{b.toRuntime()},
	}.lines()
}

func (b *board) waitByCallback(width uint32) view {
	return panel{
		title: "Queue wait, by callback", unit: "s", width: width, noValue: "nothing has started, or no data",
		description: "From due to started, on average. With Limits a callback waits aside while others start: then its line rises alone. All lines rise if the workers do not keep up.",
		targets:     []target{{expr: b.ofCallback().Mean(names.MetricCallbackWait, "callback"), legend: "{{callback}}"}},
		links:       []dashboard.DashboardLink{b.toCallback()},
	}.lines()
}

func (b *board) queueWaitHeat() view {
	return panel{
		title: "Queue wait, all of them", unit: "s", width: 8,
		description: "How many callbacks waited how long. Two bands are two populations, which quantiles hide.",
		targets:     []target{{expr: b.ofRunner().With(query.InProcess).Buckets(names.MetricQueueWait), legend: "{{le}}"}},
	}.heat("Blues")
}

func (b *board) durations(width uint32) view {
	return panel{
		title: "Run time p99, by callback", unit: "s", width: width,
		description: "How long callbacks run, failures included; at most a tenth above the timeout. The dots are exemplars: each leads to its trace, and from there to its log.",
		targets: []target{{
			expr:   b.ofCallback().RunTime(0.99, "callback"),
			legend: "{{callback}}", exemplars: true,
		}},
		links: b.toCallbackAndSignals(false),
	}.lines()
}

func (b *board) responseDelay(width uint32) view {
	return panel{
		title: "Response delay", unit: "s", width: width,
		description: "From asked for to the end of the response: slow handlers and clients, not slow workers.",
		targets:     quantiles(b.ofRunner(), names.MetricResponseDelay), colors: byQuantile,
	}.lines()
}

func (b *board) responseDelayHeat(width uint32) view {
	return panel{
		title: "Response delay, all of them", unit: "s", width: width,
		description: "How many callbacks waited how long for their response to end.",
		targets:     []target{{expr: b.ofRunner().Buckets(names.MetricResponseDelay), legend: "{{le}}"}},
	}.heat("Purples")
}

func (b *board) durationHeat(width uint32) view {
	return panel{
		title: "Run time, all of them", unit: "s", width: width,
		description: "How many callbacks ran how long. What runs on past its timeout shows here, however long.",
		targets:     []target{{expr: b.ofCallback().Buckets(names.MetricCallbackDuration), legend: "{{le}}"}},
	}.heat("Oranges")
}
