package otelsetup_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	logcollector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracecollector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

// slow is a backend whose first answer waits.
type slow struct {
	*httptest.Server
	asked, answer chan struct{}
	spans, logs   atomic.Int64 // that have arrived
}

func startSlow(t *testing.T) *slow {
	t.Helper()
	b := &slow{asked: make(chan struct{}, 100), answer: make(chan struct{})}
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch r.URL.Path {
		case "/v1/traces":
			var export tracecollector.ExportTraceServiceRequest
			if proto.Unmarshal(body, &export) == nil {
				b.spans.Add(int64(len(export.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans())))
			}
		case "/v1/logs":
			var export logcollector.ExportLogsServiceRequest
			if proto.Unmarshal(body, &export) == nil {
				b.logs.Add(int64(len(export.GetResourceLogs()[0].GetScopeLogs()[0].GetLogRecords())))
			}
		}
		b.asked <- struct{}{}
		select {
		case <-b.answer:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// dropped is the counter's value.
func (s setup) dropped(t *testing.T, signal string) float64 {
	t.Helper()
	families, err := s.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == otelsetup.MetricDropped && m.GetLabel()[0].GetValue() == signal {
				return m.GetCounter().GetValue()
			}
		}
	}
	require.Fail(t, "no such series", signal)
	return 0
}

// flood makes n of a signal.
func (s setup) flood(t *testing.T, signal string, n int) {
	t.Helper()
	tracer, logger := s.Tracers.Tracer("test"), slog.New(s.LogHandler("test", nil))
	for range n {
		if signal == otelsetup.Logs {
			logger.InfoContext(t.Context(), "a record")
			continue
		}
		_, span := tracer.Start(t.Context(), "a span")
		span.End()
	}
}

// flooded is set up to export to a slow backend, which five of a signal have
// reached; a hundred more have followed.
func flooded(t *testing.T, signal string, flush time.Duration) (*slow, setup) {
	t.Helper()
	b := startSlow(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	for _, prefix := range []string{"OTEL_BSP_", "OTEL_BLRP_"} {
		t.Setenv(prefix+"MAX_EXPORT_BATCH_SIZE", "5")
	}
	s := start(t, func(c *otelsetup.Config) { c.FlushTime = flush })
	s.flood(t, signal, 5)
	<-b.asked // these are on their way
	s.flood(t, signal, 100)
	return b, s
}

func TestWhatFindsTheQueueFullIsCountedAndAllElseArrives(t *testing.T) {
	for _, signal := range []string{otelsetup.Traces, otelsetup.Logs} {
		t.Run(signal, func(t *testing.T) {
			t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
			t.Setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "20")
			b, s := flooded(t, signal, 30*time.Second)
			require.InDelta(t, 80, s.dropped(t, signal), 0, "20 wait")
			close(b.answer)
			require.NoError(t, s.Shutdown(t.Context()))
			require.InDelta(t, 80, s.dropped(t, signal), 0)
			require.EqualValues(t, 25, b.spans.Load()+b.logs.Load())
			require.Contains(t, s.log.String(), `msg="telemetry dropped, it comes faster than it is exported" signal=`+signal+` dropped=1 suppressed=0`)
			require.Equal(t, counts{"traces": 0, "metrics": 0, "logs": 0, "other": 0}, s.failures(t), "no export has failed")
		})
	}
}

func TestWhatIsStillInTheQueueWhenTheEndGivesUpIsCounted(t *testing.T) {
	for _, signal := range []string{otelsetup.Traces, otelsetup.Logs} {
		t.Run(signal, func(t *testing.T) {
			b, s := flooded(t, signal, 50*time.Millisecond)
			require.Error(t, s.Shutdown(t.Context()))
			require.InDelta(t, 100, s.dropped(t, signal), 0)
			require.Contains(t, s.log.String(), `"telemetry could not be exported" signal=`+signal)
			require.Contains(t, s.log.String(), `"telemetry dropped, it comes faster than it is exported" signal=`+signal, "the one does not hide the other")
			close(b.answer)
		})
	}
}
