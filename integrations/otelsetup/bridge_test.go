package otelsetup_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// broken is a collector that fails whenever it is asked.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }
func (b broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(b.desc, errors.New("out of order"))
}

func TestACollectorThatFailsCostsNoOtherMetrics(t *testing.T) {
	b := startBackend(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", b.URL)
	s := start(t, unexported)
	s.registry.MustRegister(broken{prometheus.NewDesc("broken", "Broken.", nil, nil)},
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "sound", Help: "Sound."}))
	require.NoError(t, s.Shutdown(t.Context()))
	require.Contains(t, b.body("/"), "sound")
	require.Contains(t, s.log.String(), "signal=metrics")
	require.Contains(t, s.log.String(), "out of order")
}

// OTEL_METRICS_PRODUCERS stays unset: what it names takes the place of our
// bridge, and knows no other registry than the process's default one.
func TestAMetricsProducerThatTheEnvironmentNamesReplacesTheBridge(t *testing.T) {
	for producers, want := range map[string]struct{ ours, defaults bool }{
		"":           {ours: true},
		"prometheus": {defaults: true},
		"none":       {},
	} {
		t.Run(producers, func(t *testing.T) {
			b := startBackend(t, http.StatusOK)
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", b.URL)
			t.Setenv("OTEL_METRICS_PRODUCERS", producers)
			s := start(t, unexported)
			s.registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "ours", Help: "Ours."}))
			require.NoError(t, s.Shutdown(t.Context()))
			require.Equal(t, want.ours, strings.Contains(b.body("/"), "ours"))
			require.Equal(t, want.defaults, strings.Contains(b.body("/"), "go_goroutines"))
		})
	}
}

// Exemplars may come from anybody's instruments. One that has no valid ids must
// not cost all metrics of an export.
func TestExemplarsAreExportedWithValidIDsOrNone(t *testing.T) {
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	exported := make(chan []*metrics.Metric, 1)
	b := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var export collector.ExportMetricsServiceRequest
		if body, err := io.ReadAll(r.Body); err == nil && proto.Unmarshal(body, &export) == nil {
			exported <- export.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics()
		}
	}))
	t.Cleanup(b.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", b.URL)
	s := start(t, unexported)
	for name, ids := range map[string]prometheus.Labels{
		"good":    {"trace_id": trace, "span_id": span},
		"short":   {"trace_id": "0af7", "span_id": "b7"},
		"no_hex":  {"trace_id": "x" + trace[1:], "span_id": "x" + span[1:]},
		"neither": {"order": "7"},
	} {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "a_" + name, Help: "A.", Buckets: []float64{1}, NativeHistogramBucketFactor: 1.1,
		})
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "b_" + name, Help: "B."})
		native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "c_" + name, Help: "C.", NativeHistogramBucketFactor: 1.1})
		s.registry.MustRegister(h, c, native)
		h.(prometheus.ExemplarObserver).ObserveWithExemplar(0.5, ids)
		c.(prometheus.ExemplarAdder).AddWithExemplar(1, ids)
		native.Observe(1)
	}
	require.NoError(t, s.Shutdown(t.Context()))

	seen := 0
	for _, m := range <-exported {
		var exemplars []*metrics.Exemplar
		switch m.GetName()[:2] {
		case "a_":
			require.Equal(t, []uint64{1, 0}, m.GetHistogram().GetDataPoints()[0].GetBucketCounts())
			exemplars = m.GetHistogram().GetDataPoints()[0].GetExemplars()
		case "b_":
			exemplars = m.GetSum().GetDataPoints()[0].GetExemplars()
		case "c_":
			require.EqualValues(t, 1, m.GetExponentialHistogram().GetDataPoints()[0].GetCount(), "what has no classic buckets stays native")
			continue
		default:
			continue
		}
		require.Len(t, exemplars, 1, m.GetName())
		seen++
		if m.GetName()[2:] == "good" {
			require.Len(t, exemplars[0].GetTraceId(), 16)
			require.EqualValues(t, 0x0a, exemplars[0].GetTraceId()[0])
			require.Len(t, exemplars[0].GetSpanId(), 8)
		} else {
			require.Empty(t, exemplars[0].GetTraceId(), m.GetName())
			require.Empty(t, exemplars[0].GetSpanId(), m.GetName())
		}
	}
	require.Equal(t, 8, seen)
}
