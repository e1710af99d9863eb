package otelsetup_test

import (
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

// everything exports all signals to a backend, and ends soon.
func everything(reg *prometheus.Registry) otelsetup.Config {
	return otelsetup.Config{
		Gatherer: reg, Logs: true, Registerer: reg,
		ErrorLog: slog.New(slog.DiscardHandler), FlushTime: 100 * time.Millisecond,
	}
}

func TestAFailedStartNamesAllMistakesAndLeavesNothingBehind(t *testing.T) {
	b := startBackend(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
	t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "50%")
	reg := prometheus.NewRegistry()
	_, err := otelsetup.Start(t.Context(), everything(reg))
	for _, name := range []string{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_BSP_MAX_QUEUE_SIZE", `OTEL_TRACES_SAMPLER_ARG is "50%": use a number from 0 to 1`} {
		require.ErrorContains(t, err, name)
	}

	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "")
	t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
	_, taken, err := net.SplitHostPort(b.Listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
	t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", taken) // which an exporter finds out itself
	_, err = otelsetup.Start(t.Context(), everything(reg))
	require.ErrorContains(t, err, "metrics: ")
	t.Setenv("OTEL_METRICS_EXPORTER", "")
	require.Empty(t, b.paths(), "nothing has been exported")
	o, err := otelsetup.Start(t.Context(), everything(reg))
	require.NoError(t, err, "nor has a metric stayed")
	require.NoError(t, o.Shutdown(t.Context()))
	require.NotEmpty(t, b.paths())
}

func TestVariablesOfASignalThatIsNotExportedAreNotRead(t *testing.T) {
	t.Setenv("OTEL_LOGS_EXPORTER", "file")
	t.Setenv("OTEL_BLRP_MAX_QUEUE_SIZE", "-1")
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")
	o, err := otelsetup.Start(t.Context(), otelsetup.Config{Registerer: prometheus.NewRegistry()})
	require.NoError(t, err)
	require.NoError(t, o.Shutdown(t.Context()))
}
