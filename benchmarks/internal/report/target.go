package report

import (
	"math"
	"slices"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

// Target is a limit and what was measured.
type Target struct {
	Of       string
	Limit    Limit
	Measured float64
	Before   float64 // of the older checkout; NaN if there was none
	Obstacle Obstacle
}

// Limit is what a figure must keep to.
type Limit struct {
	Text  string
	Bound float64
	Kind  Kind
}

// Kind says on which side of its bound a figure must be.
type Kind uint8

// The kinds of limits.
const (
	Most  Kind = iota // at most the bound
	Least             // at least the bound
	More              // more than the bound
	Under             // less than the bound
)

// Met reports whether the figure keeps to its limit. One that is missing does not.
func (t Target) Met() bool {
	switch t.Limit.Kind {
	case Least:
		return t.Measured >= t.Limit.Bound
	case More:
		return t.Measured > t.Limit.Bound
	case Under:
		return t.Measured < t.Limit.Bound
	default:
		return t.Measured <= t.Limit.Bound
	}
}

// Targets computes every target that was measured.
func (r Results) Targets() []Target {
	targets := r.targets(func(contestant string) string { return contestant })
	before := r.targets(measure.Before)
	for i := range targets {
		targets[i].Before = before[i].Measured
	}
	return targets
}

// targets computes them for the library's contestants that ours names.
func (r Results) targets(ours func(string) string) []Target {
	var all []Target
	if r.Throughput != nil {
		all = append(all, r.throughputTargets(ours)...)
	}
	if r.Parts != nil {
		all = append(all, r.lineTarget(ours))
	}
	if r.HTTP != nil {
		all = append(all, httpTargets(r.HTTP, ours)...)
	}
	if r.Scrape != nil {
		all = append(all, scrapeTargets(r.Scrape, ours)...)
	}
	if r.Console != nil {
		all = append(all, consoleTargets(r.Console, ours)...)
	}
	return all
}

// againstHand are the limits of an empty callback, against the channel by hand.
var againstHand = []struct {
	telemetry pool.Telemetry
	base      string
	limit     Limit
}{
	{pool.MetricsOnly, "channel", Limit{Text: "at most 0.6 × the channel by hand", Bound: 0.6}},
	{pool.NoopTracer, "channel", Limit{Text: "at most 0.55 × the channel by hand", Bound: 0.55}},
	{pool.Unsampled, "channel", Limit{Text: "at most 0.8 × the channel by hand", Bound: 0.8}},
	{pool.Sampled, pool.ChannelLinked, Limit{Text: "at most 0.9 × the channel by hand with the same content", Bound: 0.9}},
}

func (r Results) throughputTargets(ours func(string) string) (targets []Target) {
	book := r.Throughput
	for _, name := range []func(pool.Telemetry) string{pool.GoName, pool.AfterName} {
		for _, producers := range measure.Producers {
			at := func(contestant, metric string) measure.Case {
				return measure.Case{Setting: measure.Setting("empty", producers), Contestant: contestant, Metric: metric}
			}
			runner := ours(name(pool.TelemetryOff))
			for _, a := range againstHand {
				of, hand := name(a.telemetry), at(pool.ByHandName(a.base, a.telemetry), measure.MetricTime)
				text, ns := r.obstacle(a.telemetry, at(runner, measure.MetricTime))
				targets = append(targets, Target{
					Of: of + ", " + hand.Setting, Limit: a.limit,
					Measured: book.Ratio(at(ours(of), measure.MetricTime), hand),
					Obstacle: Obstacle{text, ns / book.Median(hand)},
				})
			}
			metrics := name(pool.MetricsOnly)
			more := book.Difference(at(ours(metrics), measure.MetricAllocs), at(runner, measure.MetricAllocs))
			targets = append(targets, Target{
				Of: metrics + ", " + measure.Setting("empty", producers), Limit: Limit{Text: "0 allocs more than the bare runner"},
				Measured: math.Round(more*10) / 10, // a batch has costs of its own, which are no task's
			})
		}
	}
	return targets
}

func (r Results) lineTarget(ours func(string) string) Target {
	return Target{
		Of: "the line that asked, for a sampled callback", Limit: Limit{Text: "at most 200 ns", Bound: 200},
		Measured: r.part(ours(pool.PartLine)), Obstacle: Obstacle{pool.PartCaller, r.part(pool.PartCaller)},
	}
}

func httpTargets(book *measure.Book, ours func(string) string) (targets []Target) {
	plain, slow := web.Routes[0], web.Routes[1]
	at := func(variant, setting, metric string) measure.Case {
		return measure.Case{Setting: setting, Contestant: variant, Metric: metric}
	}
	against := func(of, base, setting, metric string, limit Limit, obstacle string) {
		t := Target{Of: of + ", " + setting, Limit: limit, Measured: book.Ratio(at(ours(of), setting, metric), at(base, setting, metric))}
		if obstacle != "" {
			t.Obstacle = Obstacle{obstacle, book.Ratio(at(obstacle, setting, metric), at(base, setting, metric))}
		}
		targets = append(targets, t)
	}
	count := func(of, setting string, limit Limit, obstacle string) {
		targets = append(targets, Target{
			Of: of + ", " + setting, Limit: limit,
			Measured: book.Median(at(ours(of), setting, measure.MetricRequestAllocs)),
			Obstacle: Obstacle{obstacle, book.Median(at(obstacle, setting, measure.MetricRequestAllocs))},
		})
	}
	p99 := Limit{Text: "at most 1.1 × the p99 by hand", Bound: 1.1}
	for _, n := range measure.Connections {
		setting := measure.WithConnections(n, plain)
		against(web.After, web.ByHand, setting, measure.MetricPerSecond, Limit{Text: "at least the throughput by hand", Bound: 1, Kind: Least}, web.BareGo)
		against(web.After, web.BareGo, setting, measure.MetricPerSecond, Limit{Text: "at least 0.85 × the throughput of bare `go`", Bound: 0.85, Kind: Least}, web.ByHand)
		against(web.After, web.ByHand, setting, measure.MetricResponseP99, p99, web.BareGo)
		against(web.Middleware, web.Plain, setting, measure.MetricPerSecond, Limit{Text: "at least 0.97 × the throughput without", Bound: 0.97, Kind: Least}, "")
	}
	few := measure.WithConnections(measure.Connections[0], plain)
	count(web.After, few, Limit{Text: "at most 45 allocs a request", Bound: 45}, web.BareGo)
	count(web.Middleware, few, Limit{Text: "at most 22 allocs a request", Bound: 22}, web.Plain)
	for _, n := range measure.Connections[1:] {
		against(web.After, web.ByHand, measure.WithConnections(n, slow), measure.MetricResponseP99, p99, web.BareGo)
	}
	if book.Rounds(at(web.NextJS, few, measure.MetricPerSecond)) > 0 {
		against(web.After, web.NextJS, few, measure.MetricPerSecond, Limit{Text: "more than 20 × the throughput of Next.js", Bound: 20, Kind: More}, web.BareGo)
	}
	return targets
}

func scrapeTargets(book *measure.Book, ours func(string) string) []Target {
	us := func(metric string) float64 {
		return book.Median(measure.Case{Setting: measure.WithNames(), Contestant: ours(pool.GoName(pool.NoopTracer)), Metric: metric}) / 1000
	}
	return []Target{
		{Of: "a snapshot of " + measure.WithNames(), Limit: Limit{Text: "at most 200 µs under the lock", Bound: 200}, Measured: us(measure.MetricSnapshot)},
		{Of: "a scrape of " + measure.WithNames(), Limit: Limit{Text: "less than 5,000 µs", Bound: 5000, Kind: Under}, Measured: us(measure.MetricScrape)},
	}
}

func consoleTargets(book *measure.Book, ours func(string) string) []Target {
	at := func(contestant, metric string) measure.Case {
		return measure.Case{Setting: measure.ConsoleSetting(), Contestant: contestant, Metric: metric}
	}
	throughput := func(contestant string) float64 { // beside what two runners without a console differ by
		return book.Median(at(ours(pool.NoConsole), measure.MetricBeside)) / book.Median(at(ours(contestant), measure.MetricBeside))
	}
	return []Target{
		{Of: "a console that is mounted, nobody looks", Limit: Limit{Text: "at least 0.99 × the throughput without", Bound: 0.99, Kind: Least}, Measured: throughput(pool.ConsoleMounted)},
		{Of: "a console with " + pool.ConsoleViewed(), Limit: Limit{Text: "at least 0.97 × the throughput without", Bound: 0.97, Kind: Least}, Measured: throughput(pool.ConsoleViewed())},
		{Of: "a console with " + pool.ConsoleViewed(), Limit: Limit{Text: "at most 65,536 KiB", Bound: 65536}, Measured: book.Median(at(ours(pool.ConsoleViewed()), measure.MetricKept))},
	}
}

const targetText = `Computed from the tables below. "Measured" is in the limit's unit: a ratio, a count, ns or µs. Full metrics means the telemetry's
counters and histograms, with the no-op tracer. Where a target is missed, the last column has what stands in its way, in the same unit:
what would be measured if nothing were left but that, which the tables have alone.
`

func targetTable(targets []Target) string {
	header := []string{"", "limit", "met", "measured", "in the way"}
	older := slices.ContainsFunc(targets, func(t Target) bool { return !math.IsNaN(t.Before) })
	if older {
		header = slices.Insert(header, 3, "before")
	}
	t := NewTable(len(header), header...)
	for _, target := range targets {
		met, obstacle := "**no**", target.Obstacle.String()
		if target.Met() {
			met, obstacle = "yes", ""
		}
		row := []string{target.Of, target.Limit.Text, met, Figure(target.Measured), obstacle}
		if older {
			row = slices.Insert(row, 3, Figure(target.Before))
		}
		t.Row(row...)
	}
	return t.String()
}
