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
	"runtime"
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
// anything from microseconds to minutes, so that all buckets are full. ms/scrape
// is the processor's time, the garbage collector's included; ms/fastest is the
// time of the fastest one, in which least of what else runs on the machine is.
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
			h := afterAMillionRuns(b, names, func(callback int) (time.Duration, error) {
				if random.IntN(10) == 0 {
					return c.took(callback), errors.ErrUnsupported
				}
				return c.took(callback), nil
			})
			for name, accept := range map[string]string{
				"text": textFormat, "openmetrics": openMetrics, "protobuf": string(expfmt.NewFormat(expfmt.TypeProtoDelim)),
			} {
				b.Run(name, func(b *testing.B) { benchmarkScrape(b, h, accept) })
			}
		})
	}
}

func benchmarkScrape(b *testing.B, h http.Handler, accept string) {
	request := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", accept)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or idle ones spin
	size, fastest := 0, time.Hour
	b.ReportAllocs()
	start := processorTime(b)
	for b.Loop() {
		began := time.Now()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request)
		fastest = min(fastest, time.Since(began))
		size = w.Body.Len()
	}
	b.ReportMetric((processorTime(b)-start).Seconds()*1e3/float64(b.N), "ms/scrape")
	b.ReportMetric(float64(fastest.Microseconds())/1e3, "ms/fastest")
	b.ReportMetric(float64(size), "bytes/scrape")
	require.Less(b, size, 1<<20, "a scrape fits into 1 MB")
}

// afterAMillionRuns returns what serves the metrics of a million callbacks
// under some names. They do not run: how long each took, and whether it failed,
// is told by took.
func afterAMillionRuns(b *testing.B, names int, took func(callback int) (time.Duration, error)) http.Handler {
	const runs = 1_000_000
	registry := prometheus.NewRegistry() // A pedantic one costs more.
	g := newRig(b, func(cfg *telemetry.Config) { cfg.Registerer, cfg.Logger = registry, slog.New(slog.DiscardHandler) })
	r := g.runner(runner.Config{})
	o := g.tel.Observer()
	for i := range runs {
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
		if i%1000 == 0 {
			g.exporter.Reset()
		}
	}
	g.shutdown(r)
	g.exporter.Reset()
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError})
}
