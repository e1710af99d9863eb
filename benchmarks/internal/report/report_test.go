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
	most, least := report.Limit{Bound: 1}, report.Limit{Bound: 1, Kind: report.Least}
	more, under := report.Limit{Bound: 1, Kind: report.More}, report.Limit{Bound: 1, Kind: report.Under}
	for _, c := range []struct {
		limit    report.Limit
		measured float64
		met      bool
	}{
		{most, 1, true}, {most, 1.01, false},
		{least, 1, true}, {least, 0.99, false},
		{more, 1.01, true}, {more, 1, false},
		{under, 0.99, true}, {under, 1, false},
		{most, math.NaN(), false}, {least, math.NaN(), false}, {more, math.NaN(), false}, {under, math.NaN(), false},
	} {
		require.Equal(t, c.met, report.Target{Limit: c.limit, Measured: c.measured}.Met(), "%+v", c)
	}
}

// results are those of a runner that costs 400 ns where others cost 500 and those
// by hand 1,000, and so on: each figure is easy to compute by hand.
func results() report.Results {
	r := report.Results{
		Machine: report.Machine{CPU: "a <fast> one", Cores: 2, Go: "go1", OS: "linux/amd64", Load: "0.10"}, Command: "make bench", Took: 90 * time.Second,
		Throughput: new(measure.Book), HTTP: new(measure.Book), Scrape: new(measure.Book), Console: new(measure.Book), Parts: new(measure.Book),
	}
	add := func(book *measure.Book, setting, contestant, metric string, v float64) {
		book.Add(measure.Case{Setting: setting, Contestant: contestant, Metric: metric}, v)
	}
	for _, producers := range measure.Producers {
		setting := measure.Setting("empty", producers)
		for _, c := range pool.All() {
			add(r.Throughput, setting, c.Name, measure.MetricTime, map[pool.Family]float64{pool.Bare: 500, pool.ByHand: 1000, pool.Afterglow: 400}[c.Family])
			allocs := 1.02
			if c.Telemetry == pool.MetricsOnly && c.Scoped {
				allocs = 1.13
			}
			add(r.Throughput, setting, c.Name, measure.MetricAllocs, allocs)
		}
	}
	for _, n := range measure.Connections {
		for _, route := range web.Routes {
			setting := measure.WithConnections(n, route)
			for name, perSecond := range map[string]float64{web.Plain: 1000, web.Middleware: 980, web.After: 800, web.BareGo: 950, web.ByHand: 750} {
				add(r.HTTP, setting, name, measure.MetricPerSecond, perSecond)
				add(r.HTTP, setting, name, measure.MetricResponseP99, 10_000/perSecond)
				add(r.HTTP, setting, name, measure.MetricRequestAllocs, (1100-perSecond)/5)
			}
		}
	}
	add(r.HTTP, measure.WithConnections(16, 0), web.NextJS, measure.MetricPerSecond, 40)
	add(r.Scrape, measure.WithNames(), pool.GoName(pool.NoopTracer), measure.MetricScrape, 4_000_000)
	for name, ns := range map[string]float64{pool.NoConsole: 100, pool.ConsoleMounted: 100, pool.ConsoleViewed(): 125} {
		add(r.Console, measure.ConsoleSetting(), name, measure.MetricTime, ns)
		add(r.Console, measure.ConsoleSetting(), name, measure.MetricBeside, ns/100)
		add(r.Console, measure.ConsoleSetting(), name, measure.MetricKept, 4096)
	}
	for _, part := range pool.Parts() {
		add(r.Parts, measure.Alone, part.Name, measure.MetricProcessor, map[string]float64{pool.PartLine: 200}[part.Name]+50)
		add(r.Parts, measure.Alone, part.Name, measure.MetricAllocs, 0)
	}
	return r
}

func TestTargetsAreComputedFromTheBooks(t *testing.T) {
	measured := make(map[string]float64)
	met := make(map[string]bool)
	for _, target := range results().Targets() {
		key := target.Of + ": " + target.Limit.Text
		require.NotContains(t, met, key)
		measured[key], met[key] = target.Measured, target.Met()
		require.True(t, math.IsNaN(target.Before), "%s: nobody measured before", key)
	}
	for _, c := range []struct {
		key      string
		measured float64
		met      bool
	}{
		{pool.GoName(pool.MetricsOnly) + ", empty, 1 producer: at most 0.6 × the channel by hand", 0.4, true},
		{"a console that is mounted, nobody looks: at least 0.99 × the throughput without", 1, true},
		{"a console with 200 viewers: at least 0.97 × the throughput without", 0.8, false},
		{"a console with 200 viewers: at most 65,536 KiB", 4096, true},
		{pool.GoName(pool.MetricsOnly) + ", empty, 1 producer: 0 allocs more than the bare runner", 0, true},
		{pool.AfterName(pool.MetricsOnly) + ", empty, 8 producers: 0 allocs more than the bare runner", 0.1, false},
		{pool.AfterName(pool.NoopTracer) + ", empty, 8 producers: at most 0.55 × the channel by hand", 0.4, true},
		{pool.AfterName(pool.Sampled) + ", empty, 1 producer: at most 0.9 × the channel by hand with the same content", 0.4, true},
		{"the line that asked, for a sampled callback: at most 200 ns", 250, false},
		{web.After + ", 16 connections: at least the throughput by hand", 800. / 750, true},
		{web.After + ", 256 connections: at least 0.85 × the throughput of bare `go`", 800. / 950, false},
		{web.After + ", 64 connections: at most 1.1 × the p99 by hand", 750. / 800, true},
		{web.Middleware + ", 64 connections: at least 0.97 × the throughput without", 0.98, true},
		{web.After + ", 16 connections: at most 45 allocs a request", 60, false},
		{web.Middleware + ", 16 connections: at most 22 allocs a request", 24, false},
		{web.After + ", 256 connections, a route of 5 ms: at most 1.1 × the p99 by hand", 750. / 800, true},
		{web.After + ", 16 connections: more than 20 × the throughput of Next.js", 20, false},
		{"a scrape of 100 names: less than 5,000 µs", 4000, true},
	} {
		require.Contains(t, met, c.key)
		require.InDelta(t, c.measured, measured[c.key], 1e-9, c.key)
		require.Equal(t, c.met, met[c.key], c.key)
	}
	snapshot := "a snapshot of 100 names: at most 200 µs under the lock"
	require.Contains(t, met, snapshot)
	require.False(t, met[snapshot], "what was not measured is not met")
}

func TestWhatStandsInTheWayIsInTheTargetsUnit(t *testing.T) {
	obstacles := make(map[string]string)
	for _, target := range results().Targets() {
		obstacles[target.Of+": "+target.Limit.Text] = target.Obstacle.String()
	}
	for key, want := range map[string]string{
		pool.AfterName(pool.NoopTracer) + ", empty, 1 producer: at most 0.55 × the channel by hand":                "0.40: the runner without telemetry",
		pool.GoName(pool.Unsampled) + ", empty, 1 producer: at most 0.8 × the channel by hand":                     "0.45: the runner, and the SDK's span",
		pool.GoName(pool.Sampled) + ", empty, 1 producer: at most 0.9 × the channel by hand with the same content": "0.45: the runner, and the SDK's span and event",
		pool.GoName(pool.MetricsOnly) + ", empty, 1 producer: 0 allocs more than the bare runner":                  "",
		"the line that asked, for a sampled callback: at most 200 ns":                                              "50.0: " + pool.PartCaller,
		web.After + ", 16 connections: at most 45 allocs a request":                                                "30.0: three bare `go`",
		web.After + ", 16 connections: at least the throughput by hand":                                            "1.27: three bare `go`",
	} {
		require.Contains(t, obstacles, key)
		require.Equal(t, want, obstacles[key], key)
	}
	r := results()
	r.Parts = nil
	require.NotContains(t, r.Markdown(""), "NaN")
}

func TestAnOlderCommitStandsBesideThisOne(t *testing.T) {
	r := results()
	r.Before = "abc1234"
	for _, c := range r.HTTP.Cases() {
		if c.Contestant == web.After {
			before := c
			before.Contestant = measure.Before(c.Contestant)
			r.HTTP.Add(before, 2*r.HTTP.Median(c))
		}
	}
	for _, target := range r.Targets() {
		if target.Limit.Text == "at most 45 allocs a request" {
			require.InDelta(t, 60, target.Measured, 1e-9)
			require.InDelta(t, 120, target.Before, 1e-9)
		}
	}
	text := r.Markdown("")
	require.Contains(t, text, "commit abc1234")
	require.Regexp(t, `three callbacks after \| 16 connections +\| allocs/request +\| +120 \| +60\.0 \| +0\.50 \|`, text)
	require.Contains(t, text, "| before |")
}

func TestTheDocumentHasWhatWasAskedAndNoMore(t *testing.T) {
	text := results().Markdown("results.svg")
	for _, want := range []string{"`make bench`", "1m30s", "2 cores of a <fast> one", "](results.svg)", "## Targets", "## Throughput", "## HTTP", "## Reading the books"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "## Latency")
	require.NotContains(t, text, "## Before")
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
