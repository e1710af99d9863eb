package report

import (
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

const throughputText = `Wall-clock time per task, from the first submit to the end of the last task, and with one producer the time of all processors, in which no other
work on the machine is. In "1 ms sleep" all but raw ` + "`go`" + ` are bound by
their 8 workers at about 133,000 ns.
`

func throughputTables(book *measure.Book) string {
	var b strings.Builder
	for _, work := range []string{"empty", "10 µs CPU", "1 ms sleep"} {
		one, eight := measure.Setting(work, 1), measure.Setting(work, 8)
		t := NewTable(2, work, "bounds", "ns, 1 producer", "× channel", "× `go`", "ns, 8 producers", "× channel", "× `go`", "processor ns", "allocs", "B")
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
			row = append(row, Figure(book.Median(at(one, measure.MetricProcessor))), Count(book.Median(at(one, measure.MetricAllocs))), Count(book.Median(at(one, measure.MetricBytes))))
			t.Row(row...)
		}
		b.WriteString(t.String() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const latencyText = `How long a task of 1 ms (a sleep) waits for its start, in ms, when tasks come at random at this share of what 8
workers can do. Counted from when it was due to come, the timer's lateness included, which is the same for all.
`

// LatencyContestants are those that the question is asked of.
func LatencyContestants() []pool.Contestant {
	return pool.Named(pool.RawGo, pool.Channel, pool.PondGo, pool.Ants, pool.ErrGroup, pool.Gammazero, pool.Runner,
		pool.ByHandName("channel", pool.NoopTracer), pool.GoName(pool.NoopTracer), pool.GoName(pool.Sampled))
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
	for _, waits := range []string{measure.WaitsForWorker, measure.WaitsForResponse} {
		for _, c := range pool.All() {
			if at := (measure.Case{Setting: waits, Contestant: c.Name, Metric: measure.MetricBytes}); book.Rounds(at) > 0 {
				t.Row(c.Name, waits, Count(book.Median(at)))
			}
		}
	}
	return t.String()
}

const httpText = `Requests per second, the p99 of the response in ms, and the server's allocations for each request, by the number of connections that are kept busy from
another process on the same machine, which takes its share of the cores. Afterglow has full metrics and the no-op tracer. The three
callbacks take 50 ms each and heed their context, in all contestants. By hand they have a semaphore of as many places as Afterglow has workers, a deadline,
recovery, a counter and a histogram. The three bare ` + "`go`" + ` have none of it.

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
		t := NewTable(2, title, "connections", measure.MetricPerSecond, "× plain", "× by hand", "× bare `go`", "p99 ms", "× plain", "× by hand", "× bare `go`", "allocs")
		for _, n := range measure.Connections {
			for _, name := range httpNames() {
				at := func(variant, metric string) measure.Case {
					return measure.Case{Setting: measure.WithConnections(n, route), Contestant: variant, Metric: metric}
				}
				if book.Rounds(at(name, measure.MetricPerSecond)) == 0 {
					continue
				}
				row := []string{name, Count(float64(n))}
				for _, m := range []string{measure.MetricPerSecond, measure.MetricResponseP99} {
					own := at(name, m)
					row = append(row, Figure(book.Median(own)))
					for _, base := range []string{web.Plain, web.ByHand, web.BareGo} {
						row = append(row, Figure(book.Ratio(own, at(base, m))))
					}
				}
				t.Row(append(row, Count(book.Median(at(name, measure.MetricRequestAllocs))))...)
			}
		}
		b.WriteString(t.String() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func httpNames() (names []string) {
	for _, v := range web.Variants() {
		names = append(names, v.Name)
	}
	return append(names, web.NextJS)
}

const scrapeText = `A runner with full metrics and 100 callback names, of each of which ten callbacks have run. The snapshot's time is that of the whole
call, which is at least the time under the lock. A scrape is gathered and written as text.
`

func scrapeTable(book *measure.Book) string {
	t := NewTable(1, "", "µs")
	for _, m := range []string{measure.MetricSnapshot, measure.MetricScrape} {
		at := measure.Case{Setting: measure.WithNames(), Contestant: pool.GoName(pool.NoopTracer), Metric: m}
		t.Row(strings.TrimSuffix(m, " ns"), Figure(book.Median(at)/1000))
	}
	return t.String()
}

const consoleText = `Empty tasks of 8 producers on a runner with full metrics and the no-op tracer, which keep all processors busy. The viewers have the first page open,
which is sent to each of them once a second. They read in the same process, so what reading takes is in the figures. "× without" is of two runners that take turns
of a second in one process, one with a console and one without; its first row is two runners without a console, which shows the noise. KiB is what is retained before the first task, with both sides of the connections.
`

func consoleTable(book *measure.Book) string {
	t := NewTable(1, "", "ns", "× without", "allocs", "B", "KiB")
	for _, c := range pool.Consoles() {
		at := func(contestant, metric string) measure.Case {
			return measure.Case{Setting: measure.ConsoleSetting(), Contestant: contestant, Metric: metric}
		}
		t.Row(c.Name, Figure(book.Median(at(c.Name, measure.MetricTime))), Figure(book.Median(at(c.Name, measure.MetricBeside))),
			Count(book.Median(at(c.Name, measure.MetricAllocs))), Count(book.Median(at(c.Name, measure.MetricBytes))), Count(book.Median(at(c.Name, measure.MetricKept))))
	}
	return t.String()
}

const partsText = `Each done alone, over and over, in the processor's time. The line that asked is the difference between two callbacks of ` + "`Do`" + `: of
a runner without telemetry that finds the line, and of one that does not. The SDK's parts are its own calls, with options that are made beforehand if they can be.
`

func partsTable(book *measure.Book) string {
	t := NewTable(1, "", "ns", "allocs")
	for _, part := range pool.Parts() {
		at := func(metric string) float64 {
			return book.Median(measure.Case{Setting: measure.Alone, Contestant: part.Name, Metric: metric})
		}
		t.Row(part.Name, Figure(at(measure.MetricProcessor)), Count(at(measure.MetricAllocs)))
	}
	return t.String()
}
