package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func (b *board) enqueuedAndEnded() view {
	s := b.ofTasks()
	return panel{
		title: "Enqueued and ended", unit: "ops", width: 8,
		description: "Tasks enqueued, those that the store did not take and duplicates included, and tasks that came to an end, in all processes. The lines part while work piles up.",
		targets: []target{
			{expr: s.Rate(names.MetricAsked), legend: "enqueued"},
			{expr: s.Rate(names.MetricCallbacks), legend: "ended"},
		},
		colors: palette{{"enqueued", blue}, {"ended", green}},
	}.lines()
}

func (b *board) attempts() view {
	return panel{
		title: "Attempts and retries", unit: "ops", width: 8,
		description: "Attempts that were started, and those that failed and are followed by another one.",
		targets: []target{
			{expr: b.ofCallback().Rate(names.MetricDurableAttempts), legend: "attempts"},
			{expr: b.ofTasks().Rate(names.MetricRetries), legend: "to be tried again"},
		},
		colors: palette{{"attempts", blue}, {"to be tried again", orange}},
	}.lines()
}

func (b *board) durableOutcomes() view {
	return panel{
		title: "Outcomes of tasks", unit: "ops", width: 8,
		description: "How tasks ended, stacked. Error, panic and timeout are those of a last attempt: dead letters. Coalesced are duplicates by Unique, rejected are those that the store did not take.",
		targets:     []target{{expr: b.ofTasks().Rate(names.MetricCallbacks, names.LabelOutcome), legend: "{{outcome}}"}},
		colors:      byOutcome, stacked: true,
	}.lines()
}

func (b *board) deadByTask() view {
	return panel{
		title: "Dead letters, by task", unit: "none", width: 8, bars: true, decimals: ptr(0.), interval: "1m", noValue: "none",
		description: "Tasks that became dead letters, and how their last attempt ended. Follow a series to its task.",
		targets: []target{{
			expr: b.ofTasks().With(query.DeadOutcomes()).Increase(names.MetricCallbacks, names.LabelCallback, names.LabelOutcome), legend: "{{callback}}: {{outcome}}",
		}},
		links: b.toCallbackAndSignals(false),
	}.lines()
}

func (b *board) durableRetries() view {
	return panel{
		title: "Retries, by task", unit: "ops", width: 8,
		description: "Attempts that failed and are followed by another one.",
		targets:     []target{{expr: b.ofTasks().Rate(names.MetricRetries, names.LabelCallback), legend: "{{callback}}"}},
		links:       b.toCallbackAndSignals(false),
	}.lines()
}

func (b *board) attemptsByInstance() view {
	return panel{
		title: "Attempts, by instance", unit: "ops", width: 8,
		description: "Who does the work. A process that works a queue and starts nothing while tasks are due is not well.",
		targets:     []target{{expr: b.ofCallback().Rate(names.MetricDurableAttempts, "instance"), legend: "{{instance}}" + ofInstance}},
		links:       []dashboard.DashboardLink{b.toInstance()},
	}.lines()
}

func (b *board) durableWait() view {
	return panel{
		title: "Queue wait, from due", unit: "s", width: 8, noValue: "nothing has started, or no data",
		description: "From due to started, over the process boundary: what waits for a later time, or between two attempts, does not count. A poll of the database takes up to a second where no notification comes.",
		targets:     quantiles(b.ofRunner().With(query.Durable), names.MetricQueueWait), colors: byQuantile,
	}.lines()
}

func (b *board) durableWaitHeat() view {
	return panel{
		title: "Queue wait, all tasks", unit: "s", width: 8,
		description: "How many tasks waited how long. Two bands are two populations, which quantiles hide.",
		targets:     []target{{expr: b.ofRunner().With(query.Durable).Buckets(names.MetricQueueWait), legend: "{{le}}"}},
	}.heat("Blues")
}

func (b *board) durableRunTime() view {
	return panel{
		title: "Run time p99, by task", unit: "s", width: 8,
		description: "How long attempts run, failures included; at most a tenth above the timeout. The dots are exemplars: each leads to its trace, and that to the request's.",
		targets:     []target{{expr: b.ofTasks().RunTime(0.99, names.LabelCallback), legend: "{{callback}}", exemplars: true}},
		links:       b.toCallbackAndSignals(false),
	}.lines()
}

func (b *board) returned() view {
	return panel{
		title: "Returned, by task", unit: "none", width: 8, bars: true, decimals: ptr(0.), interval: "1m", noValue: "none",
		description: "Attempts that were taken from processes that had died. The tasks run again. One task that returns again and again may be what kills them.",
		targets:     []target{{expr: b.ofCallback().Increase(names.MetricDurableReturned, names.LabelCallback), legend: "{{callback}}"}},
		links:       b.toCallbackAndSignals(false),
	}.lines()
}

func (b *board) interrupted() view {
	return panel{
		title: "Interrupted, by task", unit: "none", width: 8, bars: true, decimals: ptr(0.), interval: "1m", noValue: "none",
		description: "Attempts that a shutdown or a lost lease has ended. They do not count, and the tasks run again. Many at each deploy: Shutdown has too little time.",
		targets:     []target{{expr: b.ofCallback().Increase(names.MetricDurableInterrupted, names.LabelCallback), legend: "{{callback}}"}},
		links:       b.toCallbackAndSignals(false),
	}.lines()
}

func (b *board) leasesLost() view {
	return panel{
		title: "Leases lost, by instance", unit: "none", width: 8, bars: true, decimals: ptr(0.), interval: "1m", noValue: "none",
		description: "How often a process could not write its heartbeat in time and canceled all that it ran: the database is slow or away, or the process stood still.",
		targets:     []target{{expr: b.ofRunner().Increase(names.MetricDurableLeasesLost, "instance"), legend: "{{instance}}" + ofInstance}},
		links:       []dashboard.DashboardLink{b.toInstance()},
	}.lines()
}

func (b *board) storeAge() view {
	return panel{
		title: "Age of the store's figures, by runner", unit: "s", width: 12, softMax: 1, noValue: noStore,
		description: "How long ago the store was read when a scrape came. A scrape waits for half a second, and then shows what was read before. Where the line ends, no process can read it, or none is scraped.",
		targets:     []target{{expr: b.ofService().With(matchRunner).Max(names.MetricDurableStoreAge, names.LabelRunner), legend: "{{runner}}"}},
	}.lines()
}

func (b *board) storeErrors() view {
	return panel{
		title: "Reads of the store that failed", unit: "none", width: 12, bars: true, decimals: ptr(0.), interval: "1m", noValue: "none",
		description: "Reads for the metrics that failed, or took longer than 10 seconds, by instance. The log says why.",
		targets:     []target{{expr: b.ofRunner().Increase(names.MetricDurableStoreErrors, "instance"), legend: "{{instance}}" + ofInstance}},
		links:       []dashboard.DashboardLink{b.toInstance()},
	}.lines()
}

func (b *board) durableFailureLogs() view {
	return b.records(panel{
		title: "Failures' logs", width: 24, noValue: "no failure is in the log",
		description: "Records of attempts that failed for good, of the runners and tasks that are chosen: what went wrong and where. Open one for its stack, its trace and the trace of its request.",
	}, func(s logStore) variants.Dataquery { return s.failureLines("$callback", true) })
}
