package routers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// patience bounds every wait.
const patience = 30 * time.Second

func newRunner(t *testing.T, cfg runner.Config) *runner.Runner {
	t.Helper()
	after, err := runner.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { drain(t, after) })
	return after
}

// drain returns when every callback has ended.
func drain(t *testing.T, after *runner.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := after.Shutdown(ctx)
	require.NoError(t, err, report)
}

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

func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		require.Fail(t, "nothing came")
	}
	return v
}
