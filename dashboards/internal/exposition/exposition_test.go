package exposition_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// What Prometheus asks for.
const (
	text        = "text/plain;version=0.0.4"
	openMetrics = "application/openmetrics-text;version=1.0.0"
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// page is what Prometheus understands of one scrape.
type page struct {
	samples   map[string]float64             // those of classic histograms included
	native    map[string]histogram.Histogram // by series
	exemplars map[string][]exemplar.Exemplar // by series, those of native histograms included
	began     map[string]int64               // by series, of native histograms
}

// scrape reads what a server gets that asks for a format.
func scrape(t *testing.T, g client.Gatherer, accept string) page {
	t.Helper()
	w := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Accept", accept)
	promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError}).ServeHTTP(w, request)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())

	parser, err := textparse.New(w.Body.Bytes(), w.Header().Get("Content-Type"), nil,
		textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
	require.NoError(t, err)
	p := page{make(map[string]float64), make(map[string]histogram.Histogram), make(map[string][]exemplar.Exemplar), make(map[string]int64)}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return p
		}
		require.NoError(t, err)
		var series labels.Labels
		switch entry {
		case textparse.EntrySeries:
			parser.Labels(&series)
			require.NotContains(t, p.samples, series.String(), "twice")
			_, _, p.samples[series.String()] = parser.Series()
		case textparse.EntryHistogram:
			parser.Labels(&series)
			require.NotContains(t, p.native, series.String(), "twice")
			_, _, h, _ := parser.Histogram()
			p.native[series.String()], p.began[series.String()] = *h, parser.StartTimestamp()
		default:
			continue
		}
		for e := (exemplar.Exemplar{}); parser.Exemplar(&e); e = (exemplar.Exemplar{}) {
			p.exemplars[series.String()] = append(p.exemplars[series.String()], e)
		}
	}
}

// run is a callback that took so long, within a request of its own.
type run struct {
	took  time.Duration
	until time.Time
	asker trace.SpanContext
}

// passing is a provider whose spans are those of the asker.
type passing struct{ noop.TracerProvider }

// exposed is what a program exposes after some runs. In between are times that
// are a bound of a bucket, of either kind, and no time at all.
func exposed(t *testing.T) (registry *client.Registry, runs []run) {
	t.Helper()
	registry = client.NewPedanticRegistry()
	synctest.Test(t, func(t *testing.T) {
		tel, err := telemetry.New(telemetry.Config{
			TracerProvider: passing{}, Registerer: registry, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		const ms = time.Millisecond
		r, err := runner.New(runner.Config{
			Name: "shop", Observers: []runner.Observer{tel.Observer()},
			DurationBuckets: []time.Duration{5 * ms, 100 * ms, 500 * ms, time.Second, time.Minute},
		})
		require.NoError(t, err)
		for i, took := range []time.Duration{0, 1, 3 * ms, 4 * ms, 5 * ms, 80 * ms, 80 * ms, 500 * ms, 700 * ms, time.Second, time.Second + 1, time.Minute, time.Hour} {
			asker := trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{15: byte(i + 1)}, SpanID: trace.SpanID{7: byte(i + 1)}, TraceFlags: trace.FlagsSampled,
			})
			require.NoError(t, r.Do(trace.ContextWithSpanContext(t.Context(), asker), "order.email", func(context.Context) error {
				time.Sleep(took)
				return nil
			}, runner.Timeout(-1)))
			runs = append(runs, run{took, time.Now(), asker})
		}
		_, err = r.Shutdown(t.Context())
		require.NoError(t, err)
	})
	return registry, runs
}

// durations is the series of the callback's durations.
func durations(suffix string, more ...string) string {
	return labels.FromStrings(append([]string{
		model.MetricNameLabel, names.MetricCallbackDuration + suffix,
		names.LabelRunner, "shop", names.LabelCallback, "order.email", names.LabelResult, names.ResultSuccess,
	}, more...)...).String()
}

// bound is one of a classic bucket, as the label le says it.
type bound struct {
	le      string
	seconds float64
}

var bounds = []bound{{"0.005", .005}, {"0.1", .1}, {"0.5", .5}, {"1.0", 1}, {"60.0", 60}, {"+Inf", math.Inf(1)}}

func TestPrometheusReadsTheSameSamplesInEveryFormat(t *testing.T) {
	registry, _ := exposed(t)
	samples := scrape(t, registry, text).samples
	require.Greater(t, len(samples), 50)
	require.Equal(t, samples, scrape(t, registry, openMetrics).samples)
	require.Equal(t, samples, scrape(t, registry, protobuf).samples)
}

func TestPrometheusCountsEachRunInItsClassicBuckets(t *testing.T) {
	registry, runs := exposed(t)
	for name, accept := range map[string]string{"text": text, "OpenMetrics": openMetrics, "protobuf": protobuf} {
		t.Run(name, func(t *testing.T) {
			p := scrape(t, registry, accept)
			for _, b := range bounds {
				var want float64
				for _, one := range runs {
					if one.took.Seconds() <= b.seconds {
						want++
					}
				}
				require.Contains(t, p.samples, durations("_bucket", "le", b.le))
				require.InDelta(t, want, p.samples[durations("_bucket", "le", b.le)], 0, b.le)
			}
			require.InDelta(t, len(runs), p.samples[durations("_count")], 0)
			require.InDelta(t, total(runs).Seconds(), p.samples[durations("_sum")], 1e-9)
		})
	}
}

func total(runs []run) (sum time.Duration) {
	for _, one := range runs {
		sum += one.took
	}
	return sum
}

func TestPrometheusCountsEachRunInItsNativeBucket(t *testing.T) {
	registry, runs := exposed(t)
	bubble := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() // when the runner was made
	p := scrape(t, registry, protobuf)
	for series, h := range p.native {
		require.NoError(t, h.Validate(), series)
		require.Equal(t, bubble, p.began[series], series)
	}
	require.Contains(t, p.native, durations(""))
	h := p.native[durations("")]
	require.EqualValues(t, 3, h.Schema)
	require.EqualValues(t, len(runs), h.Count)
	require.EqualValues(t, 1, h.ZeroCount, "the one of no time at all")
	require.InDelta(t, total(runs).Seconds(), h.Sum, 1e-9)
	counted := h.ZeroCount
	for buckets := h.PositiveBucketIterator(); buckets.Next(); {
		b := buckets.At()
		var want uint64
		for _, one := range runs {
			if b.Lower < one.took.Seconds() && one.took.Seconds() <= b.Upper {
				want++
			}
		}
		require.Equal(t, want, b.Count, b.String())
		counted += b.Count
	}
	require.EqualValues(t, len(runs), counted)
}

func TestPrometheusFindsTheTraceOfTheLatestRunOfEachClassicBucket(t *testing.T) {
	registry, runs := exposed(t)
	latest := make(map[string]exemplar.Exemplar)
	var all []exemplar.Exemplar
	lower := math.Inf(-1)
	for _, b := range bounds {
		var e exemplar.Exemplar
		for _, one := range runs {
			if lower < one.took.Seconds() && one.took.Seconds() <= b.seconds {
				e = exemplar.Exemplar{
					Labels: labels.FromStrings(
						names.ExemplarTraceID, one.asker.TraceID().String(),
						names.ExemplarSpanID, one.asker.SpanID().String()),
					Value: one.took.Seconds(), Ts: one.until.UnixMilli(), HasTs: true,
				}
			}
		}
		latest[durations("_bucket", "le", b.le)] = e
		all = append(all, e)
		lower = b.seconds
	}
	for name, accept := range map[string]string{"OpenMetrics": openMetrics, "protobuf": protobuf} {
		t.Run(name, func(t *testing.T) {
			found := scrape(t, registry, accept).exemplars
			for series, e := range latest {
				require.Equal(t, []exemplar.Exemplar{e}, found[series], series)
			}
			if accept == protobuf {
				require.Equal(t, all, found[durations("")], "those of the native histogram")
			}
		})
	}
	require.Empty(t, scrape(t, registry, text).exemplars, "a format that has none")
}
