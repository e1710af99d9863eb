package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// runtime is about single processes: which of them is not well.
func runtime(q query.Config, o Options) (dashboard.Dashboard, error) {
	b := newBoard(q, o, uidRuntime, "Afterglow / Runner and runtime",
		"Which instance is not well: its queue, its workers, its shutdowns, and Go's runtime. Made for Grafana 10.4 and later.")

	b.row("Instances")
	b.add(4, b.instancesUp(), b.utilizationNow("Workers busy, now", 4), b.longestNow(), b.stuckNow(), b.lastDrain(), b.lostAtShutdown())
	b.add(6, b.up(), b.saturated())

	b.row("Runner, by instance")
	b.add(8, b.instanceDepth(), b.instanceBusy(), b.longest())
	b.add(8, b.places(16, "instance", "runner"), b.stalled())
	b.add(8, b.oldestByInstance(), b.stuck("Stuck, by instance", "instance", 8), b.instanceRate())

	b.row("Shutdowns")
	b.add(7, b.drains(), b.lostByInstance(), b.restarts())
	b.add(9, b.drainRecords(), b.drainTraces())
	b.add(7, b.lostByCallback())

	b.row("Go runtime, by instance")
	b.add(8, b.goroutines(), b.gcPauses(), b.schedulerLatency())
	b.add(8, b.heap(), b.cpu(), b.gcRate())
	return b.build()
}

func (b *board) instancesUp() view {
	return panel{
		title: "Instances up", unit: "short", width: 4,
		description: "Instances that the last scrape reached and that expose Afterglow's metrics.",
		targets:     []target{{expr: "count(" + b.ofJob().Series(names.MetricBuildInfo) + ") or vector(0)"}},
		steps:       []step{{color: red}, {1, green}}, decimals: ptr(0.),
	}.stat()
}

func (b *board) longestNow() view {
	return panel{
		title: "Longest running, now", unit: "s", width: 4,
		description: "For how long the callback has run that has been running longest. It shows what hangs before it ends. Stuck ones whose worker has been replaced are not here: Stuck counts them.",
		targets:     []target{{expr: b.ofRunner().Max(names.MetricLongestRunning)}},
		steps:       rising(30, 300),
	}.stat()
}

func (b *board) stuckNow() view {
	return panel{
		title: "Stuck", unit: "short", width: 4,
		description: "Callbacks that run on past their deadline and do not listen: each is a goroutine that leaks.",
		targets:     []target{{expr: b.ofRunner().Sum(names.MetricStuck)}},
		steps:       none(), decimals: ptr(0.),
	}.stat()
}

func (b *board) lastDrain() view {
	return panel{
		title: "Longest drain", unit: "s", width: 4,
		description: "The longest of the instances' last drains within the time range. It must be shorter than the time that a deploy leaves.",
		targets: []target{{
			expr: b.ofRunner().Over("$__range").Peak(names.MetricShutdownDuration),
		}},
		steps: rising(15, 25), noValue: "none seen",
	}.stat()
}

func (b *board) lostAtShutdown() view {
	return panel{
		title: "Lost at shutdown, 24 h", unit: "short", width: 4,
		description: "Callbacks that a drain kept from coming to their own end in the last 24 hours. The log names them.",
		targets:     []target{{expr: b.ofRunner().Over("1d").Increase(names.MetricShutdownLost)}},
		steps:       none(), decimals: ptr(0.),
	}.stat()
}

func (b *board) up() view {
	return panel{
		title: "Scrapes", unit: "short", width: 12,
		description: "Whether Prometheus reached each instance: of the ten that it reached least in the time range.",
		targets:     []target{{expr: onlyOf(b.ofJob().Foreign("up"), "bottomk", "avg_over_time("+b.ofJob().Foreign("up")+"[$__range] @ end())", varInstance), legend: "{{instance}}" + ofInstance}},
		mappings:    []dashboard.ValueMapping{says(1, "up", green), says(0, "down", red)},
	}.states()
}

func (b *board) saturated() view {
	return panel{
		title: "Workers busy, by instance", unit: "percentunit", width: 12,
		description: "Share of the workers' time that callbacks take, of the ten that are busiest over the time range. Orange from 80 %, red from 95 %.",
		targets:     []target{{expr: onlyOf(b.ofRunner().Utilization(), "topk", b.ofRunner().BusySeconds("$__range"), varInstance, varRunner), legend: "{{instance}} {{runner}}" + ofInstance}},
		steps:       rising(0.8, 0.95), decimals: ptr(0.), max: ptr(1.),
	}.states()
}

// onlyOf keeps ten series of a state timeline, for as many rows as it has room for: those
// that come first by a measure over the whole time range, so that no row comes and goes.
func onlyOf(expr, first, measure string, by ...string) string {
	return expr + " and on (" + query.Told(by...) + ") " + first + "(10, " + measure + ")"
}

func (b *board) instanceDepth() view {
	s := b.ofRunner()
	return panel{
		title: "Queue depth", unit: "short", width: 8,
		description: "Callbacks that wait for a worker on each instance, and the most that may on one.",
		targets: []target{
			{expr: s.Sum(names.MetricQueueDepth, "instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance},
			{expr: s.Max(names.MetricQueueCapacity), legend: "capacity"},
		},
		limits: []string{"capacity"},
	}.lines()
}

func (b *board) instanceBusy() view {
	s := b.ofRunner()
	return panel{
		title: "Workers busy", unit: "short", width: 8,
		description: "Workers that run a callback on each instance, those of them that will not be free at a deadline, as it has passed or there is none, and the most workers there are on one.",
		targets: []target{
			{expr: s.Sum(names.MetricWorkersBusy, "instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance},
			{
				expr:   s.Sum(names.MetricWorkersBusy, "instance", "runner") + " - " + s.Sum(names.MetricWorkersOnTime, "instance", "runner"),
				legend: "{{instance}} {{runner}}: no deadline to come" + ofInstance,
			},
			{expr: s.Max(names.MetricWorkers), legend: "workers"},
		},
		limits: []string{"workers"},
	}.lines()
}

func (b *board) longest() view {
	return panel{
		title: "Longest running", unit: "s", width: 8,
		description: "For how long the callback has run that has been running longest, on each instance. Stuck ones whose worker has been replaced are not here: they hold up nobody.",
		targets:     []target{{expr: b.ofRunner().Max(names.MetricLongestRunning, "instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance}},
	}.lines()
}

func (b *board) stalled() view {
	return panel{
		title: "Queue stands still", unit: "s", width: 8, softMax: 1,
		description: "For how long callbacks of each instance have waited for a worker and no worker has taken one. A line that rises at 45 degrees is a queue that is stuck, or waits for long work. What Limits holds back is not counted.",
		targets:     []target{{expr: b.ofRunner().Max(names.MetricQueueStalled, "instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance}},
	}.lines()
}

func (b *board) oldestByInstance() view {
	return panel{
		title: "Oldest waiting", unit: "s", width: 8, softMax: 1,
		description: "How long the longest-waiting callback of each instance has been due, one that Limits holds back included.",
		targets:     []target{{expr: b.ofRunner().OldestAge("instance", "runner"), legend: "{{instance}} {{runner}}" + ofInstance}},
	}.lines()
}

func (b *board) instanceRate() view {
	return panel{
		title: "Callbacks ended", unit: "ops", width: 8,
		description: "How many callbacks each instance brings to an end. One that gets its requests and ends none is stuck.",
		targets:     []target{{expr: b.ofRunner().Rate(names.MetricCallbacks, "instance"), legend: "{{instance}}" + ofInstance}},
	}.lines()
}

func (b *board) restarts() view {
	return panel{
		title: "Age of the process", unit: "s", width: 8,
		description: "Since when each instance runs. Where a line falls, it was started again.",
		targets:     []target{{expr: "time() - max by (" + eachInstance + ") (" + b.ofJob().Foreign("process_start_time_seconds") + ")", legend: "{{instance}}" + ofInstance}},
	}.lines()
}

func (b *board) goroutines() view {
	return panel{
		title: "Goroutines", unit: "short", width: 8,
		description: "A line that only rises is a leak: look for callbacks that are stuck.",
		targets:     []target{{expr: "max by (" + eachInstance + ") (" + b.ofJob().Foreign("go_goroutines") + ")", legend: "{{instance}}" + ofInstance}},
	}.lines()
}

func (b *board) gcPauses() view {
	// Prometheus 2 has quantile="1", Prometheus 3 has quantile="1.0".
	longest := b.ofJob().With(`quantile=~"1|1\\.0"`).Foreign("go_gc_duration_seconds")
	return panel{
		title: "GC pause, longest", unit: "s", width: 8,
		description: "The longest stop for the garbage collector of those that Go remembers.",
		targets:     []target{{expr: "max by (" + eachInstance + ") (" + longest + ")", legend: "{{instance}}" + ofInstance}},
	}.lines()
}

func (b *board) schedulerLatency() view {
	return panel{
		title: "Scheduler latency, p99", unit: "s", width: 8,
		description: "How long goroutines that could run wait for a processor. Needs collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler).",
		targets: []target{{
			expr:   "histogram_quantile(0.99, sum by (le, " + eachInstance + ") (rate(" + b.ofJob().Foreign("go_sched_latencies_seconds_bucket") + "[" + rateInterval + "])))",
			legend: "{{instance}}" + ofInstance,
		}},
	}.lines()
}

func (b *board) heap() view {
	return panel{
		title: "Heap in use", unit: "bytes", width: 8,
		description: "Memory of objects that live or are not yet swept. Queued callbacks keep what they captured.",
		targets:     []target{{expr: "max by (" + eachInstance + ") (" + b.ofJob().Foreign("go_memstats_heap_inuse_bytes") + ")", legend: "{{instance}}" + ofInstance}},
	}.lines()
}

func (b *board) cpu() view {
	return panel{
		title: "CPU", unit: "short", width: 8,
		description: "Processors that each instance keeps busy, handlers included.",
		targets:     []target{{expr: "sum by (" + eachInstance + ") (rate(" + b.ofJob().Foreign("process_cpu_seconds_total") + "[" + rateInterval + "]))", legend: "{{instance}}" + ofInstance}},
	}.lines()
}

func (b *board) gcRate() view {
	return panel{
		title: "GC cycles", unit: "ops", width: 8,
		description: "How often the garbage collector runs.",
		targets:     []target{{expr: "sum by (" + eachInstance + ") (rate(" + b.ofJob().Foreign("go_gc_duration_seconds_count") + "[" + rateInterval + "]))", legend: "{{instance}}" + ofInstance}},
	}.lines()
}
