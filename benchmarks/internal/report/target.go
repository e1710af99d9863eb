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
	Obstacle Obstacle
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
		all = append(all, r.throughputTargets()...)
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

func (r Results) throughputTargets() (targets []Target) {
	book := r.Throughput
	for _, producers := range measure.Producers {
		setting := measure.Setting("empty", producers)
		of := func(contestant, metric string) measure.Case {
			return measure.Case{Setting: setting, Contestant: contestant, Metric: metric}
		}
		against := func(contestant, base string, limit Limit) {
			text, ns := r.obstacle(contestant, setting)
			targets = append(targets, Target{contestant + ", " + setting, limit,
				book.Ratio(of(contestant, measure.MetricTime), of(base, measure.MetricTime)),
				Obstacle{text, ns / book.Median(of(base, measure.MetricTime))}})
		}
		allocs := func(contestant string, limit Limit) {
			// A batch has costs of its own, which are no task's.
			rounded := math.Round(book.Median(of(contestant, measure.MetricAllocs))*10) / 10
			targets = append(targets, Target{Of: contestant + ", " + setting, Limit: limit, Measured: rounded})
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
		{Of: name + ", `After` in a burst", Limit: Limit{Text: "at most 300 ns median", Bound: 300},
			Measured: book.Median(measure.Case{Setting: measure.BurstRoom, Contestant: name, Metric: measure.MetricMedian})},
		{Of: name + ", `After` on a full queue with every worker held", Limit: Limit{Text: "all 256 calls return: never blocks", Bound: measure.BurstSize, Least: true},
			Measured: book.Median(measure.Case{Setting: measure.BurstFull, Contestant: name, Metric: measure.MetricReturned})},
	}
}

func httpTargets(book *measure.Book) (targets []Target) {
	for _, route := range web.Routes {
		for _, n := range []int{16, 64} {
			setting := measure.WithConnections(n, route)
			target := func(metric string, limit Limit) Target {
				ratio := func(variant string) float64 {
					return book.Ratio(
						measure.Case{Setting: setting, Contestant: variant, Metric: metric},
						measure.Case{Setting: setting, Contestant: web.Plain, Metric: metric})
				}
				return Target{web.After + ", " + setting, limit, ratio(web.After), Obstacle{web.BareGo, ratio(web.BareGo)}}
			}
			targets = append(targets,
				target(measure.MetricPerSecond, Limit{Text: "at least 0.9 × the throughput without", Bound: 0.9, Least: true}),
				target(measure.MetricResponseP99, Limit{Text: "at most 1.15 × the p99 without", Bound: 1.15}))
		}
	}
	return targets
}

func memoryTargets(book *measure.Book) (targets []Target) {
	name := pool.AfterglowName(pool.NoopTracer)
	for _, waits := range []string{measure.WaitsForWorker, measure.WaitsForResponse} {
		targets = append(targets, Target{Of: name + ", " + waits, Limit: Limit{Text: "at most 1 KB retained", Bound: 1024},
			Measured: book.Median(measure.Case{Setting: waits, Contestant: name, Metric: measure.MetricBytes})})
	}
	return targets
}

// contentionTargets compare each GOMAXPROCS with the one before; the worst step
// of each curve counts.
func contentionTargets(book *measure.Book) (targets []Target) {
	for _, work := range []string{"empty", "10 µs CPU"} {
		for _, name := range []string{pool.Runner, pool.AfterglowName(pool.NoopTracer)} {
			targets = append(targets, Target{name + ", " + work + ", GOMAXPROCS 1 to 8",
				Limit{Text: "throughput never falls from a step to the next (0.95 counts as noise)", Bound: 1 - noise, Least: true},
				worstStep(book, work, name), Obstacle{pool.Channel, worstStep(book, work, pool.Channel)}})
		}
	}
	return targets
}

// worstStep is the least ratio of a contestant's throughput to that of the
// GOMAXPROCS before.
func worstStep(book *measure.Book, work, contestant string) float64 {
	worst := math.Inf(1)
	for i, n := range measure.Processors[1:] {
		at := func(n int) measure.Case {
			return measure.Case{Setting: measure.OnProcessors(work, n), Contestant: contestant, Metric: measure.MetricTime}
		}
		// Throughput is the inverse of time. min keeps a NaN.
		worst = min(worst, book.Ratio(at(measure.Processors[i]), at(n)))
	}
	return worst
}

const targetText = `Computed from the tables below. "Measured" is in the limit's unit: a ratio, a count, ns or bytes. Full metrics means the telemetry's
counters and histograms, with the no-op tracer. Where a target is missed, the last column has what stands in its way, in the same unit:
what would be measured if nothing were left but that, which the tables have alone.
`

func targetTable(targets []Target) string {
	t := NewTable(5, "", "limit", "met", "measured", "in the way")
	for _, target := range targets {
		met, obstacle := "**no**", target.Obstacle.String()
		if target.Met() {
			met, obstacle = "yes", ""
		}
		t.Row(target.Of, target.Limit.Text, met, Figure(target.Measured), obstacle)
	}
	return t.String()
}
