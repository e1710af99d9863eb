package telemetry_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestAnIdleNamesDurationsAreWrittenAsTheyWereAndABusyOnesAnew(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.Registerer = prometheus.WrapRegistererWith(prometheus.Labels{"zone": "b", "area": "a"}, registry)
	})
	r := g.runner(runner.Config{Name: "shop"})
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	durations := func() (lines []string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		for line := range strings.Lines(w.Body.String()) {
			if strings.HasPrefix(line, names.MetricCallbackDuration+"_") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines
	}
	for n := 1; n <= 3; n++ {
		ctx, release := r.Scope(t.Context())
		require.NoError(t, r.After(ctx, "busy", succeed))
		if n == 1 {
			require.NoError(t, r.After(ctx, "idle", succeed))
		}
		release(nil)
		require.NoError(t, runner.Wait(ctx))
		first := durations()
		require.Equal(t, first, durations(), "nothing has happened between two scrapes")
		require.Contains(t, first, fmt.Sprintf(`afterglow_callback_duration_seconds_count{area="a",callback="busy",result="success",runner="shop",zone="b"} %d`, n))
		require.Contains(t, first, `afterglow_callback_duration_seconds_count{area="a",callback="idle",result="success",runner="shop",zone="b"} 1`)
	}
	g.shutdown(r)
}

func TestTheExemplarOfABucketIsItsLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		ran := []time.Duration{3 * time.Millisecond, 700 * time.Millisecond, 4 * time.Millisecond, time.Hour}
		var spans []trace.SpanContext
		var ends []time.Time
		scrape := func() *dto.Histogram {
			return histogramsOf(t, g.registry, names.MetricCallbackDuration, names.LabelResult)[names.ResultSuccess]
		}
		for _, d := range ran {
			require.NoError(t, r.Do(t.Context(), "a", takes(d), runner.Timeout(-1)))
			spans, ends = append(spans, g.span("process a").SpanContext), append(ends, time.Now())
			g.exporter.Reset()
			requireValid(t, scrape())
		}
		latest := map[float64]int{.005: 2, 1: 1, math.Inf(1): 3} // by bound: the index of the run
		for _, b := range scrape().GetBucket() {
			e := b.GetExemplar()
			i, ok := latest[b.GetUpperBound()]
			require.Equal(t, ok, e != nil, b.GetUpperBound())
			if !ok {
				continue
			}
			delete(latest, b.GetUpperBound())
			require.InDelta(t, ran[i].Seconds(), e.GetValue(), 0)
			require.True(t, ends[i].Equal(e.GetTimestamp().AsTime()))
			labels := make(map[string]string)
			for _, l := range e.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			require.Equal(t, map[string]string{
				names.ExemplarTraceID: spans[i].TraceID().String(),
				names.ExemplarSpanID:  spans[i].SpanID().String(),
			}, labels)
		}
		require.Empty(t, latest)
		g.shutdown(r)
	})
}

// decoded is what a server gets that asks for the protobuf format.
func decoded(g *rig) map[string]*dto.MetricFamily {
	format := expfmt.NewFormat(expfmt.TypeProtoDelim)
	d := expfmt.NewDecoder(strings.NewReader(g.scrape(string(format))), format)
	families := make(map[string]*dto.MetricFamily)
	for {
		f := new(dto.MetricFamily)
		if d.Decode(f) != nil {
			return families
		}
		families[f.GetName()] = f
	}
}

func TestAHistogramIsValidWhateverIsObservedMeanwhile(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Queue: 1 << 16})
	asking, stop := context.WithCancel(t.Context())
	var askers sync.WaitGroup
	for range 3 {
		askers.Go(func() {
			for asking.Err() == nil {
				_ = r.Do(asking, "a", succeed)
				_ = r.Go(asking, "b", succeed)
				g.exporter.Reset()
			}
		})
	}
	askers.Go(func() { // another scraper
		for asking.Err() == nil {
			_, _ = g.registry.Gather()
		}
	})
	var count, moved uint64
	for scrapes := 0; scrapes < 100 || moved < 20 && scrapes < 10_000; scrapes++ {
		families := decoded(g)
		requireValid(t, families[names.MetricQueueWait].GetMetric()[0].GetHistogram())
		if len(families[names.MetricCallbackDuration].GetMetric()) < 2 {
			continue // nothing has been asked for yet
		}
		h := families[names.MetricCallbackDuration].GetMetric()[1].GetHistogram()
		requireValid(t, h)
		if h.GetSampleCount() > count {
			moved++
		}
		require.GreaterOrEqual(t, h.GetSampleCount(), count, "a count never falls")
		count = h.GetSampleCount()
	}
	stop()
	askers.Wait()
	require.GreaterOrEqual(t, moved, uint64(20))
	g.shutdown(r)
}

func TestCountersHistogramsAndSummariesSayWhenTheyBegan(t *testing.T) {
	g := newRig(t, nil)
	before := time.Now()
	g.run(g.runner(runner.Config{}), "a", succeed)
	ofProcess := map[string]bool{names.MetricTelemetryErrors: true, names.MetricMisuse: true} // as old as the process
	for name, f := range decoded(g) {
		for _, m := range f.GetMetric() {
			created := m.GetHistogram().GetCreatedTimestamp()
			switch {
			case f.GetType() == dto.MetricType_GAUGE || ofProcess[name]:
				continue
			case f.GetType() == dto.MetricType_COUNTER:
				created = m.GetCounter().GetCreatedTimestamp()
			case f.GetType() == dto.MetricType_SUMMARY:
				created = m.GetSummary().GetCreatedTimestamp()
			}
			require.WithinRange(t, created.AsTime(), before, time.Now(), name)
		}
	}
}
