package routers

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// newTelemetry returns telemetry and where its spans end up.
func newTelemetry(t *testing.T, cfg telemetry.Config) (*telemetry.Telemetry, *sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	cfg.TracerProvider, cfg.Registerer = provider, prometheus.NewRegistry()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	tel, err := telemetry.New(cfg)
	require.NoError(t, err)
	return tel, provider, exporter
}

// serve serves h on a bound server.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	runner.Bind(srv.Config)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// response is what a client has got of one.
type response struct {
	Status int
	Header http.Header // without the date
	Body   string
}

func send(t *testing.T, srv *httptest.Server, req *http.Request) response {
	t.Helper()
	res, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	res.Header.Del("Date")
	return response{res.StatusCode, res.Header, string(body)}
}
