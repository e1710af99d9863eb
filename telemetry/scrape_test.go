//go:build unix

package telemetry_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// BenchmarkScrape is one scrape of a hundred callback names after a million
// runs, as a server writes it. A tenth of the runs fails and every span is
// sampled. Usual: the times of a name are within some tens of its median, which
// is between a millisecond and ten seconds. Worst: the times of each name are
// anything from microseconds to minutes, so that all buckets are full. Idle:
// nothing has run since the last scrape; busy: each name has. ms/fastest
// is the time of the fastest scrape, in which least of what else runs on the
// machine is.
func BenchmarkScrape(b *testing.B) {
	const names = 100
	random := rand.New(rand.NewPCG(1, 2))
	lognormal := func(median time.Duration, sigma float64) time.Duration {
		return time.Duration(math.Exp(random.NormFloat64()*sigma) * float64(median))
	}
	for _, c := range []struct {
		name string
		took func(callback int) time.Duration
	}{
		{"usual", func(callback int) time.Duration {
			return lognormal(time.Duration(math.Pow(10_000, float64(callback)/names)*float64(time.Millisecond)), 0.5)
		}},
		{"worst", func(int) time.Duration { return lognormal(20*time.Millisecond, 2) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			h, again := afterAMillionRuns(b, names, func(callback int) (time.Duration, error) {
				if random.IntN(10) == 0 {
					return c.took(callback), errors.ErrUnsupported
				}
				return c.took(callback), nil
			})
			for name, accept := range map[string]string{
				"text": textFormat, "openmetrics": openMetrics, "protobuf": string(expfmt.NewFormat(expfmt.TypeProtoDelim)),
			} {
				b.Run("idle/"+name, func(b *testing.B) { benchmarkScrape(b, h, accept, func() {}) })
				b.Run("busy/"+name, func(b *testing.B) { benchmarkScrape(b, h, accept, again) })
			}
		})
	}
}

func benchmarkScrape(b *testing.B, h http.Handler, accept string, between func()) {
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", accept)
	var took []time.Duration
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		between()
		b.StartTimer()
		began := time.Now()
		w := &byteCounter{header: make(http.Header)}
		h.ServeHTTP(w, request)
		took = append(took, time.Since(began))
		size = w.bytes
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "ms/median")
	b.ReportMetric(took[0].Seconds()*1e3, "ms/fastest")
	b.ReportMetric(float64(size), "bytes/scrape")
	require.Less(b, size, 1<<20, "a scrape fits into 1 MB")
}

// byteCounter is a ResponseWriter that keeps nothing.
type byteCounter struct {
	header http.Header
	bytes  int
}

func (c *byteCounter) Header() http.Header { return c.header }
func (c *byteCounter) WriteHeader(int)     {}

func (c *byteCounter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

// afterAMillionRuns returns what serves the metrics of a million callbacks
// under some names, and what runs each of them some times again. They do not run: how long each took, and whether it failed,
// is told by took.
func afterAMillionRuns(b *testing.B, names int, took func(callback int) (time.Duration, error)) (scrape http.Handler, again func()) {
	const runs = 1_000_000
	registry := prometheus.NewRegistry() // A pedantic one costs more.
	g := newRig(b, func(cfg *telemetry.Config) { cfg.Registerer, cfg.Logger = registry, slog.New(slog.DiscardHandler) })
	r := g.runner(runner.Config{})
	o := g.tel.Observer()
	run := func(i int) {
		now := time.Now()
		callback := runner.Callback{Runner: "default", Name: fmt.Sprintf("callback.%d", i%names), Asked: now, Timeout: time.Minute}
		ctx := o.Accepted(b.Context(), runner.AcceptedInfo{Callback: callback})
		ran, err := took(i % names)
		started := runner.StartedInfo{Callback: callback, AfterResponse: true, Attempt: 1}
		started.Released = now.Add(ran)
		started.Due = started.Released
		started.Started = started.Due.Add(ran)
		finished := runner.FinishedInfo{StartedInfo: started, Finished: started.Started.Add(ran), Err: err}
		if err != nil {
			finished.Outcome = runner.Failed
		}
		o.Finished(o.Started(ctx, started), finished)
	}
	for i := range runs {
		run(i)
		if i%1000 == 0 {
			g.exporter.Reset()
		}
	}
	g.shutdown(r)
	g.exporter.Reset()
	again = func() {
		for i := range 4 * names {
			run(i)
		}
		g.exporter.Reset()
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError}), again
}
