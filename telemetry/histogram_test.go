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
		release()
		require.NoError(t, runner.Wait(ctx))
		first := durations()
		require.Equal(t, first, durations(), "nothing has happened between two scrapes")
		require.Contains(t, first, fmt.Sprintf(`afterglow_callback_duration_seconds_count{area="a",callback="busy",result="success",runner="shop",zone="b"} %d`, n))
		require.Contains(t, first, `afterglow_callback_duration_seconds_count{area="a",callback="idle",result="success",runner="shop",zone="b"} 1`)
	}
	g.shutdown(r)
}

// took reports a callback that ran so long, in a span of its own, until some
// time.
func took(g *rig, name string, ran time.Duration, until time.Time) {
	o := g.tel.Observer()
	started := runner.StartedInfo{
		Callback: runner.Callback{Runner: "default", Name: name, Asked: until.Add(-ran)},
		Due:      until.Add(-ran), Started: until.Add(-ran), Attempt: 1,
	}
	o.Finished(o.Started(context.Background(), started), runner.FinishedInfo{StartedInfo: started, Finished: until})
}

func TestTheExemplarOfABucketIsItsLatest(t *testing.T) {
	g := newRig(t, nil)
	at := time.Unix(1_700_000_000, 0).UTC()
	ran := []time.Duration{3 * time.Millisecond, 700 * time.Millisecond, 4 * time.Millisecond, time.Hour}
	var spans []trace.SpanContext
	scrape := func() *dto.Histogram {
		return histogramsOf(t, g.registry, names.MetricCallbackDuration, names.LabelResult)[names.ResultSuccess]
	}
	for i, d := range ran {
		took(g, "a", d, at.Add(time.Duration(i)*time.Second))
		spans = append(spans, g.span("process a").SpanContext)
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
		require.Equal(t, at.Add(time.Duration(i)*time.Second), e.GetTimestamp().AsTime())
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
	until := time.Now()
	took(g, "a", time.Second, until)
	observing, stop := context.WithCancel(t.Context())
	var observers sync.WaitGroup
	defer observers.Wait()
	defer stop()
	observers.Go(func() {
		for ran := time.Duration(1); observing.Err() == nil; ran += ran/16 + 1 {
			took(g, "a", ran, until)
			if ran > time.Minute {
				ran = 1
				g.exporter.Reset()
			}
		}
	})
	w := waits{g, g.tel.Observer()}
	for range 2 {
		observers.Go(func() {
			for wait := time.Duration(1); observing.Err() == nil; wait += wait/16 + 1 {
				w.observe("default", wait)
				if wait > time.Minute {
					wait = 1
				}
			}
		})
	}
	observers.Go(func() { // another scraper
		for observing.Err() == nil {
			_, _ = g.registry.Gather()
		}
	})
	var count, moved uint64
	for scrapes := 0; scrapes < 100 || moved < 20 && scrapes < 10_000; scrapes++ {
		families := decoded(g)
		requireValid(t, families[names.MetricQueueWait].GetMetric()[0].GetHistogram())
		h := families[names.MetricCallbackDuration].GetMetric()[1].GetHistogram()
		requireValid(t, h)
		if h.GetSampleCount() > count {
			moved++
		}
		require.GreaterOrEqual(t, h.GetSampleCount(), count, "a count never falls")
		count = h.GetSampleCount()
	}
	require.GreaterOrEqual(t, moved, uint64(20))
}

func TestWhatIsInTheSumIsInTheCount(t *testing.T) {
	w := newWaits(t, nil)
	observing, stop := context.WithCancel(t.Context())
	var observers sync.WaitGroup
	defer observers.Wait()
	defer stop()
	for range 3 {
		observers.Go(func() {
			for observing.Err() == nil {
				w.observe("a", time.Second)
			}
		})
	}
	for range 400 {
		if h := histogramsOf(t, w.registry, names.MetricQueueWait, names.LabelRunner)["a"]; h != nil {
			require.LessOrEqual(t, h.GetSampleSum(), float64(h.GetSampleCount()))
		}
	}
}

func TestCountersAndHistogramsSayWhenTheyBegan(t *testing.T) {
	g := newRig(t, nil)
	before := time.Now()
	g.run(g.runner(runner.Config{}), "a", succeed)
	atOnce := map[string]bool{names.MetricTelemetryErrors: true, names.MetricWorkerBusyTime: true} // made at each scrape
	for name, f := range decoded(g) {
		for _, m := range f.GetMetric() {
			created := m.GetHistogram().GetCreatedTimestamp()
			switch {
			case f.GetType() == dto.MetricType_GAUGE || atOnce[name]:
				continue
			case f.GetType() == dto.MetricType_COUNTER:
				created = m.GetCounter().GetCreatedTimestamp()
			}
			require.WithinRange(t, created.AsTime(), before, time.Now(), name)
		}
	}
}
