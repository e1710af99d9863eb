//go:build unix

package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// BenchmarkScrape is one scrape of a hundred callback names, as a server writes it.
// Each name has run some hundred times, for between some microseconds and a tenth
// of a second; a tenth of the runs has failed and every span is sampled. Idle:
// nothing has run since the last scrape; busy: each name has. ms/fastest
// is the time of the fastest scrape, in which least of what else runs on the
// machine is.
func BenchmarkScrape(b *testing.B) {
	h, again := afterManyRuns(b, 100)
	for name, accept := range map[string]string{
		"text": textFormat, "openmetrics": openMetrics, "protobuf": string(expfmt.NewFormat(expfmt.TypeProtoDelim)),
	} {
		b.Run("idle/"+name, func(b *testing.B) { benchmarkScrape(b, h, accept, func() {}) })
		b.Run("busy/"+name, func(b *testing.B) { benchmarkScrape(b, h, accept, again) })
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

// afterManyRuns returns what serves the metrics of callbacks under some names, and
// what runs each of them some times again.
func afterManyRuns(b *testing.B, names int) (scrape http.Handler, again func()) {
	random := rand.New(rand.NewPCG(1, 2))
	registry := prometheus.NewRegistry() // A pedantic one costs more.
	g := newRig(b, func(cfg *telemetry.Config) { cfg.Registerer, cfg.Logger = registry, slog.New(slog.DiscardHandler) })
	r := g.runner(runner.Config{Workers: 4096, Queue: 1 << 16})
	run := func(runs int) {
		var ended sync.WaitGroup
		for i := range runs {
			ran := time.Duration(math.Exp(random.NormFloat64()*1.5) * float64(2*time.Millisecond))
			var err error
			if random.IntN(10) == 0 {
				err = errors.ErrUnsupported
			}
			ended.Add(1)
			require.NoError(b, r.Go(b.Context(), fmt.Sprintf("callback.%d", i%names), func(ctx context.Context) error {
				defer ended.Done()
				select {
				case <-time.After(min(ran, 100*time.Millisecond)):
				case <-ctx.Done():
				}
				return err
			}))
		}
		ended.Wait()
		g.exporter.Reset()
	}
	run(200 * names)
	b.Cleanup(func() { g.shutdown(r) })
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError}), func() { run(4 * names) }
}
