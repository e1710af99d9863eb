package otelsetup_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

// counts are the failures by signal.
type counts map[string]float64

func (s setup) failures(t *testing.T) counts {
	t.Helper()
	families, err := s.registry.Gather()
	require.NoError(t, err)
	found := make(counts)
	for _, f := range families {
		if f.GetName() != otelsetup.MetricFailures {
			continue
		}
		for _, m := range f.GetMetric() {
			require.Len(t, m.GetLabel(), 1)
			require.Equal(t, "signal", m.GetLabel()[0].GetName())
			found[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
		}
	}
	return found
}

func TestABackendInTroubleIsCountedAndLoggedBySignalAndDoesNotHoldUpTheEnd(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, refusing.Close())
	hanging, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, nobody answers
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hanging.Close()) })
	for name, endpoint := range map[string]string{
		"refuses":     "http://" + refusing.Addr().String(),
		"hangs":       "http://" + hanging.Addr().String(),
		"answers 503": startBackend(t, http.StatusServiceUnavailable).URL,
		"answers 400": startBackend(t, http.StatusBadRequest).URL,
	} {
		for _, protocol := range []string{"http/protobuf", "grpc"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "300")
				s := start(t, func(c *otelsetup.Config) { c.FlushTime = 500 * time.Millisecond })
				s.work(t)
				began := time.Now()
				require.Error(t, s.Shutdown(t.Context()))
				require.Less(t, time.Since(began), 5*time.Second, "three signals at half a second, on a busy machine")
				got := s.failures(t)
				for _, signal := range []string{otelsetup.Traces, otelsetup.Metrics, otelsetup.Logs} {
					require.Positive(t, got[signal], signal)
					require.Equal(t, 1, strings.Count(s.log.String(), "signal="+signal+" "), s.log)
				}
				require.Zero(t, got["other"])
			})
		}
	}
}

func TestSpansThatAreLostAtTheEndAreAnErrorOfIt(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", startBackend(t, http.StatusBadRequest).URL)
	s := start(t, unexported)
	s.work(t)
	require.ErrorContains(t, s.Shutdown(t.Context()), "traces: ")
	require.Equal(t, counts{"traces": 1, "metrics": 0, "logs": 0, "other": 0}, s.failures(t), "and are counted once")
	require.NoError(t, s.Shutdown(t.Context()), "a second end loses nothing")
}

func TestFailuresOnTheWayAreCountedByTheirSignalToo(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", startBackend(t, http.StatusBadRequest).URL)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			for _, every := range []string{"OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY", "OTEL_METRIC_EXPORT_INTERVAL"} {
				t.Setenv(every, "10") // milliseconds
			}
			for _, limit := range []string{"OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BLRP_EXPORT_TIMEOUT", "OTEL_METRIC_EXPORT_TIMEOUT"} {
				t.Setenv(limit, "200") // gRPC tries again until then
			}
			s := start(t)
			s.work(t)
			require.Eventually(t, func() bool {
				got := s.failures(t)
				return got["traces"] > 0 && got["logs"] > 0 && got["metrics"] > 0
			}, 20*time.Second, 5*time.Millisecond)
		})
	}
}

func TestAnExportThatTheEndCutsOffIsDoneAgainAndNoFailure(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			underWay, once := make(chan struct{}), sync.Once{}
			var exported atomic.Int32
			b := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client leave
				first := false
				once.Do(func() { first = true })
				if first {
					close(underWay)
					<-r.Context().Done()
					return
				}
				exported.Add(1)
				if protocol == "grpc" {
					w.Header().Set("Content-Type", "application/grpc")
					_, _ = w.Write(make([]byte, 5)) // an empty message
					w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
				}
			}))
			b.Config.Protocols = new(http.Protocols)
			b.Config.Protocols.SetHTTP1(true)
			b.Config.Protocols.SetUnencryptedHTTP2(true)
			b.Start()
			t.Cleanup(b.Close)
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", b.URL)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
			s := start(t, unexported)
			<-underWay
			require.NoError(t, s.Shutdown(t.Context()))
			require.Positive(t, exported.Load())
			require.Zero(t, s.failures(t)["metrics"], s.log)
		})
	}
}

func TestABackendThatSaysItWasCanceledHasFailed(t *testing.T) {
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "context canceled", http.StatusBadRequest)
	}))
	t.Cleanup(b.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", b.URL)
	s := start(t, unexported)
	require.ErrorContains(t, s.Shutdown(t.Context()), "context canceled")
	require.Equal(t, counts{"traces": 0, "metrics": 1, "logs": 0, "other": 0}, s.failures(t))
}

func TestFailuresCountInTheSetupWhoseExportFailed(t *testing.T) {
	answer := make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(b.Close)
	t.Cleanup(release) // before Close, which waits for the handlers
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", b.URL)
	first := start(t, unexported, func(c *otelsetup.Config) { c.FlushTime = 10 * time.Millisecond })
	first.work(t)
	require.Error(t, first.Shutdown(t.Context()), "it gives up")
	before := first.failures(t)
	second := start(t, unexported)
	release()
	require.Eventually(t, func() bool { return first.failures(t)["traces"] > before["traces"] }, 20*time.Second, 5*time.Millisecond)
	require.Equal(t, counts{"traces": 0, "metrics": 0, "logs": 0, "other": 0}, second.failures(t))
}

func TestWhatFailedIsToldToTheBackendOnceItIsBack(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusBadRequest)
	told := make(chan float64, 1)
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var export collector.ExportMetricsServiceRequest
		if status.Load() == http.StatusOK && proto.Unmarshal(body, &export) == nil {
			select {
			case told <- failuresIn(&export, otelsetup.Metrics):
			default:
			}
		}
		w.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(b.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", b.URL)
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	s := start(t, unexported)
	require.Eventually(t, func() bool { return s.failures(t)["metrics"] >= 3 }, 20*time.Second, 5*time.Millisecond)
	status.Store(http.StatusOK)
	require.GreaterOrEqual(t, <-told, 3.0)
}

// failuresIn is the counter's value in what is exported.
func failuresIn(export *collector.ExportMetricsServiceRequest, signal string) (sum float64) {
	for _, resource := range export.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				for _, point := range m.GetSum().GetDataPoints() {
					if m.GetName() == otelsetup.MetricFailures && point.GetAttributes()[0].GetValue().GetStringValue() == signal {
						sum += point.GetAsDouble()
					}
				}
			}
		}
	}
	return sum
}

func TestFailuresAreLoggedAtABoundedRateWithHowManyWereLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, unexported)
		for range 600 { // a minute of ten a second
			otel.Handle(errors.New("no route"))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, counts{"traces": 0, "metrics": 0, "logs": 0, "other": 600}, s.failures(t))
		lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
		require.Len(t, lines, 6)
		require.Regexp(t, `level=WARN msg="telemetry could not be exported" signal=other error="no route" suppressed=0$`, lines[0])
		require.Regexp(t, `suppressed=99$`, lines[5])
		s.log.Reset()
		require.NoError(t, s.Shutdown(t.Context()))
		require.Regexp(t, `^\S+ level=WARN msg="more telemetry could not be exported" signal=other suppressed=99\n$`, s.log.String(), "the end tells the rest")
	})
}
