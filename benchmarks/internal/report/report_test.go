package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/report"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

func TestATableIsAligned(t *testing.T) {
	table := report.NewTable(1, "who", "× `go`")
	table.Row("channel", "0.05")
	table.Row("µ", report.None)
	require.Equal(t, `| who     | × `+"`go`"+` |
|---------|-------:|
| channel |   0.05 |
| µ       |      – |
`, table.String())
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for want, v := range map[string]float64{
		"0.00": 0.001, "1.23": 1.234, "9.90": 9.9, "10.0": 9.96, "99.4": 99.4, "100": 99.6, "1,235": 1234.5, "1,234,568": 1234567.9, report.None: math.NaN(), "∞": math.Inf(1),
	} {
		require.Equal(t, want, report.Figure(v))
	}
}

func TestCountsAreWholeUnlessTheyAreNot(t *testing.T) {
	for want, v := range map[string]float64{"0": 0.01, "2": 2.04, "2.1": 2.06, "1,024": 1023.6, report.None: math.NaN()} {
		require.Equal(t, want, report.Count(v))
	}
}

func TestALimitIsKeptOrNot(t *testing.T) {
	most, least, below := report.Limit{Bound: 1}, report.Limit{Bound: 1, Least: true}, report.Limit{Bound: 1, Below: true}
	for _, c := range []struct {
		limit    report.Limit
		measured float64
		met      bool
	}{
		{most, 1, true}, {most, 1.01, false},
		{least, 1, true}, {least, 0.99, false},
		{below, 0.99, true}, {below, 1, false},
		{most, math.NaN(), false}, {least, math.NaN(), false}, {below, math.NaN(), false},
	} {
		require.Equal(t, c.met, report.Target{Limit: c.limit, Measured: c.measured}.Met(), "%+v", c)
	}
}

// results are those of a runner that costs 150 ns where a channel costs 60 and
// go costs 500, and so on: each figure is easy to compute by hand.
func results() report.Results {
	books := map[string]*measure.Book{}
	add := func(book, setting, contestant, metric string, v float64) {
		if books[book] == nil {
			books[book] = new(measure.Book)
		}
		books[book].Add(measure.Case{Setting: setting, Contestant: contestant, Metric: metric}, v)
	}
	for _, producers := range measure.Producers {
		setting := measure.Setting("empty", producers)
		for _, c := range pool.All() {
			add("throughput", setting, c.Name, measure.MetricTime, map[pool.Family]float64{pool.Bare: 500, pool.ByHand: 1000, pool.Afterglow: 400}[c.Family])
			add("throughput", setting, c.Name, measure.MetricAllocs, 2.04)
		}
	}
	for _, n := range measure.Processors {
		for _, work := range []string{"empty", "10 µs CPU"} {
			for _, c := range report.ContentionContestants() {
				ns := 1000 / float64(n)
				if n == 8 && work == "empty" {
					ns = 250 * 1.25 // its throughput falls to 0.8
				}
				add("contention", measure.OnProcessors(work, n), c.Name, measure.MetricTime, ns)
			}
		}
	}
	noop := measure.AskerName(pool.NoopTracer)
	add("burst", measure.BurstRoom, noop, measure.MetricMedian, 301)
	add("burst", measure.BurstFull, noop, measure.MetricReturned, measure.BurstSize)
	add("memory", measure.WaitsForWorker, noop, measure.MetricBytes, 1000)
	for _, n := range measure.Connections {
		setting := measure.WithConnections(n, 0)
		add("http", setting, web.Plain, measure.MetricPerSecond, 1000)
		add("http", setting, web.After, measure.MetricPerSecond, 890)
		add("http", setting, web.BareGo, measure.MetricPerSecond, 950)
		add("http", setting, web.Plain, measure.MetricResponseP99, 10)
		add("http", setting, web.After, measure.MetricResponseP99, 11)
	}
	for _, part := range pool.Parts() {
		add("parts", measure.Alone, part.Name, measure.MetricTime, 50)
		add("parts", measure.Alone, part.Name, measure.MetricAllocs, 0)
	}
	return report.Results{
		Machine: report.Machine{CPU: "a <fast> one", Cores: 2, Go: "go1", OS: "linux/amd64", Load: "0.10"}, Command: "make bench", Took: 90 * time.Second,
		Throughput: books["throughput"], Contention: books["contention"], Burst: books["burst"], Memory: books["memory"], HTTP: books["http"], Parts: books["parts"],
	}
}

func TestTargetsAreComputedFromTheBooks(t *testing.T) {
	measured := make(map[string]float64)
	met := make(map[string]bool)
	for _, target := range results().Targets() {
		key := target.Of + ": " + target.Limit.Text
		require.NotContains(t, met, key)
		measured[key], met[key] = target.Measured, target.Met()
	}
	noop := pool.AfterglowName(pool.NoopTracer)
	for _, c := range []struct {
		key      string
		measured float64
		met      bool
	}{
		{pool.Runner + ", empty, 1 producer: less than raw `go`", 0.8, true},
		{pool.Runner + ", empty, 8 producers: at most 3 × the bare channel pool", 0.8, true},
		{pool.Runner + ", empty, 8 producers: at most 2 allocs", 2, true},
		{noop + ", empty, 1 producer: less than bare ants", 0.8, true},
		{noop + ", empty, 1 producer: at most 0.4 × the channel by hand", 0.4, true},
		{pool.AfterglowName(pool.Sampled) + ", empty, 1 producer: at most 0.6 × the channel by hand", 0.4, true},
		{noop + ", `After` in a burst: at most 300 ns median", 301, false},
		{noop + ", `After` on a full queue with every worker held: all 256 calls return: never blocks", 256, true},
		{web.After + ", 16 connections: at least 0.9 × the throughput without", 0.89, false},
		{web.After + ", 64 connections: at most 1.15 × the p99 without", 1.1, true},
		{noop + ", due, waiting for a worker: at most 1 KB retained", 1000, true},
		{pool.Runner + ", empty, GOMAXPROCS 1 to 8: throughput never falls from a step to the next (0.95 counts as noise)", 0.8, false},
		{pool.Runner + ", 10 µs CPU, GOMAXPROCS 1 to 8: throughput never falls from a step to the next (0.95 counts as noise)", 2, true},
	} {
		require.Contains(t, met, c.key)
		require.InDelta(t, c.measured, measured[c.key], 1e-9, c.key)
		require.Equal(t, c.met, met[c.key], c.key)
	}
	require.False(t, met[noop+", waiting for its response: at most 1 KB retained"], "what was not measured is not met")
}

func TestWhatStandsInTheWayIsInTheTargetsUnit(t *testing.T) {
	obstacles := make(map[string]string)
	for _, target := range results().Targets() {
		obstacles[target.Of+": "+target.Limit.Text] = target.Obstacle.String()
	}
	for key, want := range map[string]string{
		pool.Runner + ", empty, 1 producer: at most 3 × the bare channel pool":                                            "0.50: what every callback does, on one processor", // 5 parts
		pool.Runner + ", empty, 1 producer: at most 2 allocs":                                                             "",
		pool.AfterglowName(pool.NoopTracer) + ", empty, 1 producer: at most 0.4 × the channel by hand":                    "0.40: the runner without telemetry",
		pool.AfterglowName(pool.Unsampled) + ", empty, 1 producer: at most 0.5 × the channel by hand":                     "0.45: the runner, and the SDK's span",
		pool.AfterglowName(pool.Sampled) + ", empty, 1 producer: at most 0.6 × the channel by hand":                       "0.50: the runner, the SDK's span and event, and the line that asked",
		web.After + ", 16 connections: at least 0.9 × the throughput without":                                             "0.95: three bare `go`",
		pool.Runner + ", empty, GOMAXPROCS 1 to 8: throughput never falls from a step to the next (0.95 counts as noise)": "0.80: channel + workers",
	} {
		require.Contains(t, obstacles, key)
		require.Equal(t, want, obstacles[key], key)
	}
	r := results()
	r.Parts = nil
	require.NotContains(t, r.Markdown(""), "NaN")
}

func TestTheDocumentHasWhatWasAskedAndNoMore(t *testing.T) {
	text := results().Markdown("results.svg")
	for _, want := range []string{"`make bench`", "1m30s", "2 cores of a <fast> one", "](results.svg)", "## Targets", "## Throughput", "## Contention", "## Memory", "## HTTP"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "## Latency")
	require.NotContains(t, text, "NaN")
	require.NotContains(t, report.Results{}.Markdown(""), "##")
}

func TestFiguresOfABusyMachineComeWithAWarning(t *testing.T) {
	r := results()
	require.NotContains(t, r.Markdown(""), "machine was busy")
	r.Machine.Load = "2.01"
	require.Contains(t, r.Markdown(""), "**The machine was busy with other work.**")
}

func TestThePictureIsXMLWithABarForEachContestant(t *testing.T) {
	picture := results().Picture()
	bars := strings.Count(picture, `height="9.0"`)
	require.Equal(t, 2*len(pool.All()), bars)
	require.Contains(t, picture, "a &lt;fast&gt; one")
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestThisMachineSaysWhatItIs(t *testing.T) {
	m := report.ThisMachine()
	require.Positive(t, m.Cores)
	require.Contains(t, m.String(), m.Go)
}
