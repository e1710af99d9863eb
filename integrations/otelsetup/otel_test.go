package otelsetup_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is an OTLP/HTTP server that notes what it is sent, in order.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request // guarded by mu
}

type request struct {
	path, body string
	header     http.Header
}

func startBackend(t *testing.T, status int) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.requests = append(b.requests, request{r.URL.Path, string(body), r.Header})
		b.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(b.Close)
	return b
}

// paths lists what was called.
func (b *backend) paths() (paths []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		paths = append(paths, r.path)
	}
	return paths
}

// body is all that was sent to a path.
func (b *backend) body(path string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all strings.Builder
	for _, r := range b.requests {
		if r.path == path {
			all.WriteString(r.body)
		}
	}
	return all.String()
}

// setup is what Start has made, and what it reports to.
type setup struct {
	*otelsetup.OTel
	registry *prometheus.Registry
	log      *syncBuffer
	spans    *tracetest.SpanRecorder
}

// start sets up all signals.
func start(t *testing.T, change ...func(*otelsetup.Config)) setup {
	t.Helper()
	s := setup{registry: prometheus.NewRegistry(), log: new(syncBuffer), spans: tracetest.NewSpanRecorder()}
	cfg := otelsetup.Config{
		ServiceName: "example", ServiceVersion: "v1.2.3", Gatherer: s.registry, Logs: true,
		SpanProcessors: []sdktrace.SpanProcessor{s.spans},
		Registerer:     s.registry, ErrorLog: slog.New(slog.NewTextHandler(s.log, nil)), FlushTime: time.Second,
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	s.OTel, err = otelsetup.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

// work does what makes something of each signal.
func (s setup) work(t *testing.T) {
	t.Helper()
	ctx, span := s.Tracers.Tracer("test").Start(t.Context(), "a span")
	slog.New(s.LogHandler("test", nil)).InfoContext(ctx, "a record")
	span.End()
}

func TestEachSignalIsExportedAndTheMetricsAfterTheDrainComeFirst(t *testing.T) {
	b := startBackend(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20x")
	s := start(t)
	ended := prometheus.NewCounter(prometheus.CounterOpts{Name: "ended_total", Help: "Callbacks."})
	s.registry.MustRegister(ended)
	r, err := runner.New(runner.Config{Workers: 1})
	require.NoError(t, err)
	require.NoError(t, r.Go(t.Context(), "last", func(context.Context) error { // runs in the drain, or before
		s.work(t)
		ended.Inc()
		return nil
	}))
	require.NoError(t, s.Shutdown(t.Context(), r))

	require.Equal(t, []string{"/v1/metrics", "/v1/logs", "/v1/traces"}, b.paths())
	require.Contains(t, b.body("/v1/metrics"), "ended_total")
	require.Contains(t, b.body("/v1/logs"), "a record")
	require.Contains(t, b.body("/v1/traces"), "a span")
	for _, path := range b.paths() {
		for _, says := range []string{"service.name", "example", "service.version", "v1.2.3", "host.name", "process.pid"} {
			require.Contains(t, b.body(path), says, path)
		}
	}
	require.Equal(t, "Basic x", b.requests[0].header.Get("Authorization"))
	require.Empty(t, s.log.String())
}

func TestTheEnvironmentSaysWhatTheServiceIs(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", startBackend(t, http.StatusOK).URL)
	t.Setenv("OTEL_SERVICE_NAME", "other")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging,service.version=v9")
	s := start(t)
	s.work(t)
	require.Len(t, s.spans.Ended(), 1)
	got := s.spans.Ended()[0].Resource().String()
	for _, want := range []string{"service.name=other", "service.version=v9", "deployment.environment.name=staging"} {
		require.Contains(t, got, want)
	}
}

func TestASignalGoesWhereItsOwnVariablesSay(t *testing.T) {
	all, traces := startBackend(t, http.StatusOK), startBackend(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", all.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces.URL+"/mine")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	s := start(t)
	s.work(t)
	require.Equal(t, traces.URL+"/mine", s.Endpoint(otelsetup.Traces))
	require.Equal(t, all.URL, s.Endpoint(otelsetup.Logs))
	require.Empty(t, s.Endpoint(otelsetup.Metrics))
	require.NoError(t, s.Shutdown(t.Context()))
	require.Equal(t, []string{"/mine"}, traces.paths())
	require.Equal(t, []string{"/v1/logs"}, all.paths())
}

func TestNothingIsExportedUnasked(t *testing.T) {
	s := start(t, func(c *otelsetup.Config) { c.OnlyIfNamed = true })
	s.work(t)
	for _, signal := range []string{otelsetup.Traces, otelsetup.Metrics, otelsetup.Logs} {
		require.Empty(t, s.Endpoint(signal))
	}
	require.Len(t, s.spans.Ended(), 1, "but it is recorded")
	require.NoError(t, s.Shutdown(t.Context()))
	require.Equal(t, counts{"traces": 0, "metrics": 0, "logs": 0, "other": 0}, s.failures(t), "nobody was asked")
}

func TestADisabledSDKRecordsNothingButPassesOnTracesOfOthers(t *testing.T) {
	b := startBackend(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", b.URL)
	t.Setenv("OTEL_SDK_DISABLED", "True")
	s := start(t)
	s.work(t)
	require.NoError(t, s.Shutdown(t.Context()))
	require.Empty(t, b.paths())
	require.Empty(t, s.spans.Ended())

	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := s.Propagator.Extract(t.Context(), propagation.MapCarrier{"traceparent": parent})
	out := propagation.MapCarrier{}
	s.Propagator.Inject(ctx, out)
	require.Equal(t, parent, out.Get("traceparent"))
}

func TestPropagatorsAreThoseOfTheEnvironment(t *testing.T) {
	require.ElementsMatch(t, []string{"traceparent", "tracestate", "baggage"}, start(t, unexported).Propagator.Fields())
	t.Setenv("OTEL_PROPAGATORS", "b3")
	require.Contains(t, start(t, unexported).Propagator.Fields(), "b3")
}

func unexported(c *otelsetup.Config) { c.OnlyIfNamed = true }

func TestTheSamplerIsThatOfTheEnvironmentAndKeepsLinksWhole(t *testing.T) {
	for _, c := range []struct {
		name, arg string
		least     int // sampled of 400
		most      int
	}{
		{"", "", 400, 400},
		{"always_on", "", 400, 400},
		{"always_off", "", 0, 0},
		{"parentbased_always_off", "", 0, 0},
		{"traceidratio", "", 400, 400},
		{"traceidratio", "0.5", 120, 280},
		{"ParentBased_TraceIDRatio", "0.5", 120, 280},
	} {
		t.Run(c.name+" "+c.arg, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", c.name)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", c.arg)
			s := start(t, unexported)
			tracer := s.Tracers.Tracer("test")
			sampled := 0
			for range 400 {
				_, asker := tracer.Start(t.Context(), "request")
				_, linked := tracer.Start(t.Context(), "process", trace.WithLinks(trace.Link{SpanContext: asker.SpanContext()}))
				require.Equal(t, asker.SpanContext().IsSampled(), linked.SpanContext().IsSampled())
				if asker.SpanContext().IsSampled() {
					sampled++
				}
			}
			require.GreaterOrEqual(t, sampled, c.least)
			require.LessOrEqual(t, sampled, c.most)
		})
	}
}

// What others have sampled is the business of parentbased_always_off.
func TestAlwaysOffSamplesNotEvenTheCallbacksOfASampledRequest(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	s := start(t, unexported)
	asker := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	_, linked := s.Tracers.Tracer("test").Start(t.Context(), "process", trace.WithLinks(trace.Link{SpanContext: asker}))
	linked.End()
	require.False(t, linked.IsRecording())
	require.Empty(t, s.spans.Ended())
}

func TestWithoutAnEndpointARecordSaysOnceWhatToSet(t *testing.T) {
	const hint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"
	// Somebody may listen there, so there are no metrics, which the end would export.
	quiet := func(c *otelsetup.Config) { c.Gatherer = nil }
	require.Equal(t, 1, strings.Count(start(t, quiet).log.String(), hint))
	require.NotContains(t, start(t, quiet, unexported).log.String(), hint, "nothing is exported")
	t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
	require.NotContains(t, start(t, quiet).log.String(), hint, "a plain collector there is what is meant")
	t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
	require.NotContains(t, start(t, quiet).log.String(), hint)
}

func TestRecordsAreExportedFromTheirLevelOn(t *testing.T) {
	b := startBackend(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", b.URL)
	s := start(t, unexported)
	standard, warnings := slog.New(s.LogHandler("test", nil)), slog.New(s.LogHandler("test", slog.LevelWarn))
	standard.Debug("one")
	standard.Info("two")
	warnings.Info("three")
	warnings.With("a", 1).WithGroup("g").Info("four")
	warnings.With("a", 1).WithGroup("g").Warn("five")
	require.NoError(t, s.Shutdown(t.Context()))
	for text, want := range map[string]bool{"one": false, "two": true, "three": false, "four": false, "five": true} {
		require.Equal(t, want, strings.Contains(b.body("/"), text), text)
	}
}
