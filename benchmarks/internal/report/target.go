package report

import (
	"math"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

// Target is a limit and what was measured.
type Target struct {
	Of       string
	Limit    Limit
	Measured float64
}

// Limit is what a figure must keep to.
type Limit struct {
	Text  string
	Bound float64
	Least bool // the figure must be at least that, and not at most
	Below bool // it must not be equal
}

// Met tells whether the figure keeps to its limit. One that is missing does not.
func (t Target) Met() bool {
	switch {
	case math.IsNaN(t.Measured):
		return false
	case t.Limit.Least:
		return t.Measured >= t.Limit.Bound
	case t.Limit.Below:
		return t.Measured < t.Limit.Bound
	default:
		return t.Measured <= t.Limit.Bound
	}
}

// noise is what a throughput may seem to fall by from one setting to the next
// and still count as the same.
const noise = 0.05

// Targets computes every target that was measured.
func (r Results) Targets() []Target {
	var all []Target
	if r.Throughput != nil {
		all = append(all, throughputTargets(r.Throughput)...)
	}
	if r.Burst != nil {
		all = append(all, burstTargets(r.Burst)...)
	}
	if r.HTTP != nil {
		all = append(all, httpTargets(r.HTTP)...)
	}
	if r.Memory != nil {
		all = append(all, memoryTargets(r.Memory)...)
	}
	if r.Contention != nil {
		all = append(all, contentionTargets(r.Contention)...)
	}
	return all
}

func throughputTargets(book *measure.Book) (targets []Target) {
	for _, producers := range measure.Producers {
		setting := measure.Setting("empty", producers)
		of := func(contestant, metric string) measure.Case {
			return measure.Case{Setting: setting, Contestant: contestant, Metric: metric}
		}
		against := func(contestant, base string, limit Limit) {
			targets = append(targets, Target{contestant + ", " + setting, limit,
				book.Ratio(of(contestant, measure.MetricTime), of(base, measure.MetricTime))})
		}
		allocs := func(contestant string, limit Limit) {
			// A batch has costs of its own, which are no task's.
			rounded := math.Round(book.Median(of(contestant, measure.MetricAllocs))*10) / 10
			targets = append(targets, Target{contestant + ", " + setting, limit, rounded})
		}
		lessThan := func(base string) Limit { return Limit{Text: "less than " + base, Bound: 1, Below: true} }

		against(pool.Runner, pool.RawGo, lessThan("raw `go`"))
		against(pool.Runner, pool.Channel, Limit{Text: "at most 3 × the bare channel pool", Bound: 3})
		allocs(pool.Runner, Limit{Text: "at most 2 allocs", Bound: 2})

		noop := pool.AfterglowName(pool.NoopTracer)
		for _, base := range []string{pool.Ants, pool.ErrGroup, pool.Gammazero} {
			against(noop, base, lessThan("bare "+base))
		}
		against(noop, pool.ByHandName("channel", pool.NoopTracer), Limit{Text: "at most 0.4 × the channel by hand", Bound: 0.4})
		allocs(noop, Limit{Text: "at most 4 allocs", Bound: 4})

		against(pool.AfterglowName(pool.Unsampled), pool.ByHandName("channel", pool.Unsampled), Limit{Text: "at most 0.5 × the channel by hand", Bound: 0.5})
		against(pool.AfterglowName(pool.Sampled), pool.ByHandName("channel", pool.Sampled), Limit{Text: "at most 0.6 × the channel by hand", Bound: 0.6})
		against(pool.AfterglowName(pool.Sampled), pool.ByHandName(pool.ChannelLinked, pool.Sampled), Limit{Text: "the same with exemplars and events by hand", Bound: 0.6})
	}
	return targets
}

func burstTargets(book *measure.Book) []Target {
	name := measure.AskerName(pool.NoopTracer)
	return []Target{
		{name + ", `After` in a burst", Limit{Text: "at most 300 ns median", Bound: 300},
			book.Median(measure.Case{Setting: measure.BurstRoom, Contestant: name, Metric: measure.MetricMedian})},
		{name + ", `After` on a full queue with every worker held", Limit{Text: "all 256 calls return: never blocks", Bound: measure.BurstSize, Least: true},
			book.Median(measure.Case{Setting: measure.BurstFull, Contestant: name, Metric: measure.MetricReturned})},
	}
}

func httpTargets(book *measure.Book) (targets []Target) {
	for _, route := range web.Routes {
		for _, n := range []int{16, 64} {
			setting := measure.WithConnections(n, route)
			ratio := func(metric string) float64 {
				return book.Ratio(
					measure.Case{Setting: setting, Contestant: web.After, Metric: metric},
					measure.Case{Setting: setting, Contestant: web.Plain, Metric: metric})
			}
			targets = append(targets,
				Target{web.After + ", " + setting, Limit{Text: "at least 0.9 × the throughput without", Bound: 0.9, Least: true}, ratio(measure.MetricPerSecond)},
				Target{web.After + ", " + setting, Limit{Text: "at most 1.15 × the p99 without", Bound: 1.15}, ratio(measure.MetricResponseP99)})
		}
	}
	return targets
}

func memoryTargets(book *measure.Book) (targets []Target) {
	name := pool.AfterglowName(pool.NoopTracer)
	for _, waits := range []string{measure.WaitsForWorker, measure.WaitsForResponse} {
		targets = append(targets, Target{name + ", " + waits, Limit{Text: "at most 1 KB retained", Bound: 1024},
			book.Median(measure.Case{Setting: waits, Contestant: name, Metric: measure.MetricBytes})})
	}
	return targets
}

// contentionTargets compare each GOMAXPROCS with the one before; the worst step
// of each curve counts.
func contentionTargets(book *measure.Book) (targets []Target) {
	for _, work := range []string{"empty", "10 µs CPU"} {
		for _, name := range []string{pool.Runner, pool.AfterglowName(pool.NoopTracer)} {
			worst := math.Inf(1)
			for i, n := range measure.Processors[1:] {
				at := func(n int) measure.Case {
					return measure.Case{Setting: measure.OnProcessors(work, n), Contestant: name, Metric: measure.MetricTime}
				}
				// Throughput is the inverse of time. min keeps a NaN.
				worst = min(worst, book.Ratio(at(measure.Processors[i]), at(n)))
			}
			targets = append(targets, Target{name + ", " + work + ", GOMAXPROCS 1 to 8",
				Limit{Text: "throughput never falls from a step to the next (0.95 counts as noise)", Bound: 1 - noise, Least: true}, worst})
		}
	}
	return targets
}

const targetText = `Computed from the tables below. "Measured" is in the limit's unit: a ratio, a count, ns or bytes. Full metrics means the telemetry's
counters and histograms, with the no-op tracer.
`

func targetTable(targets []Target) string {
	t := NewTable(3, "", "limit", "met", "measured")
	for _, target := range targets {
		met := "**no**"
		if target.Met() {
			met = "yes"
		}
		t.Row(target.Of, target.Limit.Text, met, Figure(target.Measured))
	}
	return t.String()
}
