package otelsetup_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/otelsetup"
)

// everything exports all signals to a backend, and ends soon.
func everything(reg *prometheus.Registry) otelsetup.Config {
	return otelsetup.Config{
		Gatherer: reg, Logs: true, Registerer: reg,
		ErrorLog: slog.New(slog.DiscardHandler), FlushTime: 100 * time.Millisecond,
	}
}

func TestMistakesInTheEnvironmentAreErrorsThatSayWhatToUse(t *testing.T) {
	for _, c := range []struct{ name, value, use string }{
		{"OTEL_TRACES_EXPORTER", "zipkin", "otlp, console or none"},
		{"OTEL_TRACES_EXPORTER", " none", "otlp, console or none"},
		{"OTEL_METRICS_EXPORTER", "statsd", "otlp, prometheus, console or none"},
		{"OTEL_LOGS_EXPORTER", "file", "otlp, console or none"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "grpc or http/protobuf"},
		{"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "carrier-pigeon", "grpc or http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "a URL with its scheme, as in http://localhost:4318"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[bad", "a URL with its scheme"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://", "a URL with its scheme"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "a whole number, 0 or more"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "-1", "a whole number, 1 or more"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "0", "a whole number, 1 or more"},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-5", "a whole number, 1 or more"},
		{"OTEL_BSP_SCHEDULE_DELAY", "0", "a whole number, 1 or more"},
		{"OTEL_BLRP_MAX_QUEUE_SIZE", "many", "a whole number, 1 or more"},
		{"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "-1", "a whole number, 1 or more"},
		{"OTEL_METRIC_EXPORT_INTERVAL", "1m", "a whole number, 1 or more"},
		{"OTEL_TRACES_SAMPLER", "some", "always_on, always_off or traceidratio"},
		{"OTEL_TRACES_SAMPLER", "parentbased_", "always_on, always_off or traceidratio"},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			t.Setenv(c.name, c.value)
			_, err := otelsetup.Start(t.Context(), everything(prometheus.NewRegistry()))
			require.ErrorContains(t, err, c.name+` is "`+c.value+`": use `+c.use)
			require.NotContains(t, err.Error(), "\n", "once")
		})
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
	t.Setenv("OTEL_METRICS_PRODUCERS", "statsd") // which an exporter refuses itself
	_, err = otelsetup.Start(t.Context(), everything(reg))
	require.ErrorContains(t, err, "metrics: ")
	t.Setenv("OTEL_METRICS_PRODUCERS", "")
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
