package report

import (
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

const throughputText = `Wall-clock time per task, from the first submit to the end of the last task. In "1 ms sleep" all but raw ` + "`go`" + ` are bound by
their 8 workers at about 133,000 ns.
`

func throughputTables(book *measure.Book) string {
	var b strings.Builder
	for _, work := range []string{"empty", "10 µs CPU", "1 ms sleep"} {
		one, eight := measure.Setting(work, 1), measure.Setting(work, 8)
		t := NewTable(2, work, "bounds", "ns, 1 producer", "× channel", "× `go`", "ns, 8 producers", "× channel", "× `go`", "allocs", "B")
		for _, c := range pool.All() {
			at := func(setting, metric string) measure.Case {
				return measure.Case{Setting: setting, Contestant: c.Name, Metric: metric}
			}
			if book.Rounds(at(one, measure.MetricTime)) == 0 {
				continue
			}
			row := []string{c.Name, c.Bound}
			for _, setting := range []string{one, eight} {
				own := at(setting, measure.MetricTime)
				row = append(row, Figure(book.Median(own)),
					Figure(book.Ratio(own, measure.Case{Setting: setting, Contestant: pool.Channel, Metric: measure.MetricTime})),
					Figure(book.Ratio(own, measure.Case{Setting: setting, Contestant: pool.RawGo, Metric: measure.MetricTime})))
			}
			row = append(row, Count(book.Median(at(one, measure.MetricAllocs))), Count(book.Median(at(one, measure.MetricBytes))))
			t.Row(row...)
		}
		b.WriteString(t.String() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const contentionText = `Nanoseconds per task with 8 producers, as GOMAXPROCS grows. Beyond the machine's cores it adds threads that contend, and no
more work that can be done at once. The worst step is the least ratio of the throughput to that of the column before.
`

// ContentionContestants are those of the curve.
func ContentionContestants() []pool.Contestant {
	return pool.Named(pool.RawGo, pool.Channel, pool.PondGo, pool.Ants, pool.Runner,
		pool.ByHandName("channel", pool.NoopTracer), pool.AfterglowName(pool.NoopTracer))
}

func contentionTable(book *measure.Book) string {
	t := NewTable(2, "", "task", "1", "2", "4", "8", "worst step")
	for _, work := range []string{"empty", "10 µs CPU"} {
		for _, c := range ContentionContestants() {
			row := []string{c.Name, work}
			for _, n := range measure.Processors {
				row = append(row, Figure(book.Median(measure.Case{Setting: measure.OnProcessors(work, n), Contestant: c.Name, Metric: measure.MetricTime})))
			}
			row = append(row, Figure(worstStep(book, work, c.Name)))
			t.Row(row...)
		}
	}
	return t.String()
}

const burstText = `What a handler pays for one of 256 calls in a row, in ns, reading the clock deducted. Afterglow's are ` + "`After`" + ` in one scope
under ` + "`Reject`" + `; its callbacks wait for the release. The others' tasks begin at once.
`

// BurstPeers are whom a handler might hand its work to instead.
func BurstPeers() []pool.Contestant {
	return pool.Named(pool.RawGo, pool.Channel, pool.PondGo, pool.ByHandName("channel", pool.NoopTracer))
}

// Askers is the telemetry of the questions that use scopes.
func Askers() []pool.Telemetry {
	return append([]pool.Telemetry{pool.TelemetryOff}, pool.Telemetries()...)
}

func burstTable(book *measure.Book) string {
	t := NewTable(2, "", "queue", measure.MetricMedian, measure.MetricP99)
	row := func(name, setting string) {
		t.Row(name, setting,
			Figure(book.Median(measure.Case{Setting: setting, Contestant: name, Metric: measure.MetricMedian})),
			Figure(book.Median(measure.Case{Setting: setting, Contestant: name, Metric: measure.MetricP99})))
	}
	for _, c := range BurstPeers() {
		row(c.Name, measure.BurstRoom)
	}
	for _, tel := range Askers() {
		row(measure.AskerName(tel), measure.BurstRoom)
	}
	for _, tel := range Askers() {
		row(measure.AskerName(tel), measure.BurstFull)
	}
	return t.String()
}

const latencyText = `How long a task of 1 ms (a sleep) waits for its start, in ms, when tasks come at random at this share of what 8
workers can do. Counted from when it was due to come, the timer's lateness included, which is the same for all.
`

// LatencyContestants are those that the question is asked of.
func LatencyContestants() []pool.Contestant {
	return pool.Named(pool.RawGo, pool.Channel, pool.PondGo, pool.Ants, pool.ErrGroup, pool.Gammazero, pool.Runner,
		pool.ByHandName("channel", pool.NoopTracer), pool.AfterglowName(pool.NoopTracer), pool.AfterglowName(pool.Sampled))
}

func latencyTable(book *measure.Book) string {
	metrics := []string{measure.MetricWaitP50, measure.MetricWaitP99, measure.MetricWaitP999}
	header := []string{""}
	for _, percent := range measure.Utilisations {
		for _, m := range metrics {
			header = append(header, measure.AtUtilisation(percent)+": "+strings.TrimSuffix(m, " ms"))
		}
	}
	t := NewTable(1, header...)
	for _, c := range LatencyContestants() {
		row := []string{c.Name}
		for _, percent := range measure.Utilisations {
			for _, m := range metrics {
				row = append(row, Figure(book.Median(measure.Case{Setting: measure.AtUtilisation(percent), Contestant: c.Name, Metric: m})))
			}
		}
		t.Row(row...)
	}
	return t.String()
}

const memoryText = `Heap and stacks in bytes for each of 100,000 waiting tasks. All are the same function, so no closure of the user's is in the
figure. Requests are not, their scopes (of 3 callbacks each) are. Contestants without a queue make their callers wait instead.
`

func memoryTable(book *measure.Book) string {
	t := NewTable(2, "", "waits", "B")
	for _, c := range pool.All() {
		if at := (measure.Case{Setting: measure.WaitsForWorker, Contestant: c.Name, Metric: measure.MetricBytes}); book.Rounds(at) > 0 {
			t.Row(c.Name, at.Setting, Count(book.Median(at)))
		}
	}
	for _, tel := range Askers() {
		at := measure.Case{Setting: measure.WaitsForResponse, Contestant: measure.AskerName(tel), Metric: measure.MetricBytes}
		t.Row(at.Contestant, at.Setting, Count(book.Median(at)))
	}
	return t.String()
}

const httpText = `Requests per second and the p99 of the response in ms, by the number of connections that are kept busy from another process on the
same machine, which takes its share of the cores. Afterglow has full metrics and the no-op tracer. The three callbacks take 50 ms each and heed their
context; the three bare ` + "`go`" + ` do the same without deadline, recovery, bound or metrics, and show what the timers and wake-ups
alone cost.

The first route does nothing but answer, so that what is after it takes processors from it: that is the hardest case. The second waits
5 ms before it answers, as for a database.
`

func httpTables(book *measure.Book) string {
	var b strings.Builder
	for _, route := range web.Routes {
		title := "plain route"
		if route > 0 {
			title = fmt.Sprintf("a route of %d ms", route.Milliseconds())
		}
		t := NewTable(2, title, "connections", measure.MetricPerSecond, "× plain", "× bare `go`", "p99 ms", "× plain", "× bare `go`")
		for _, n := range measure.Connections {
			for _, v := range web.Variants() {
				at := func(variant, metric string) measure.Case {
					return measure.Case{Setting: measure.WithConnections(n, route), Contestant: variant, Metric: metric}
				}
				row := []string{v.Name, Count(float64(n))}
				for _, m := range []string{measure.MetricPerSecond, measure.MetricResponseP99} {
					own := at(v.Name, m)
					row = append(row, Figure(book.Median(own)), Figure(book.Ratio(own, at(web.Plain, m))), Figure(book.Ratio(own, at(web.BareGo, m))))
				}
				t.Row(row...)
			}
		}
		b.WriteString(t.String() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const partsText = `What a callback cannot do without, each done alone, over and over, by one goroutine that nobody disturbs; a cache line goes between two.
Between two processors each line of a callback's record and context, and of the books that both sides write, is handed
over so. By hand the spans have four attributes and no call site.
`

func partsTable(book *measure.Book) string {
	t := NewTable(1, "", "ns", "allocs")
	for _, part := range pool.Parts() {
		at := func(metric string) float64 {
			return book.Median(measure.Case{Setting: measure.Alone, Contestant: part.Name, Metric: metric})
		}
		t.Row(part.Name, Figure(at(measure.MetricTime)), Count(at(measure.MetricAllocs)))
	}
	t.Row("**the first "+Count(float64(len(pool.EveryPart())))+" together: what every callback does**", Figure(Results{Parts: book}.every()), "")
	return t.String()
}
