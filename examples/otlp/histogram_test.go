package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// The bridge alone would leave out the exemplars of native histograms, and get
// the ids of others wrong.
func TestDurationsAreExportedAsHistogramsWithExemplars(t *testing.T) {
	var mu sync.Mutex
	var durations []*metrics.HistogramDataPoint // guarded by mu
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/metrics" {
			return
		}
		var export collector.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &export); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, m := range export.GetResourceMetrics()[0].GetScopeMetrics()[0].GetMetrics() {
			if m.GetName() == "afterglow_callback_duration_seconds" {
				durations = m.GetHistogram().GetDataPoints()
			}
		}
	}))
	t.Cleanup(backend.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", backend.URL)
	p := start(t)
	_, _, err := p.order("7")
	require.NoError(t, err)
	require.NoError(t, p.stop())

	mu.Lock()
	defer mu.Unlock()
	require.Len(t, durations, 2, "success and failure")
	exemplars := 0
	for _, series := range durations {
		require.Len(t, series.GetExplicitBounds(), 18)
		for _, e := range series.GetExemplars() {
			exemplars++
			require.Contains(t, p.stderr.String(), `"trace_id":"`+hex.EncodeToString(e.GetTraceId())+`"`, "it leads to the callback's record")
		}
	}
	require.Equal(t, 1, exemplars)
}
