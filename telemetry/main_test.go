package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a Telemetry whose three ends can be read.
type rig struct {
	t        testing.TB
	tel      *telemetry.Telemetry
	registry *prometheus.Registry
	provider *sdktrace.TracerProvider
	exporter *tracetest.InMemoryExporter
	logs     *logs
}

// newRig builds a Telemetry; change may adjust its Config before.
func newRig(t testing.TB, change func(*telemetry.Config)) *rig {
	g := &rig{t: t, registry: prometheus.NewPedanticRegistry(), exporter: tracetest.NewInMemoryExporter(), logs: new(logs)}
	g.provider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(g.exporter))
	cfg := telemetry.Config{
		TracerProvider: g.provider,
		Registerer:     g.registry,
		Logger:         slog.New(slog.NewJSONHandler(g.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	tel, err := telemetry.New(cfg)
	require.NoError(t, err)
	g.tel = tel
	return g
}

// runner starts a runner that is observed by the rig.
func (g *rig) runner(cfg runner.Config) *runner.Runner {
	cfg.Observers = append(cfg.Observers, g.tel.Observer())
	r, err := runner.New(cfg)
	require.NoError(g.t, err)
	return r
}

// request begins a span as a server would, and a scope within it.
func (g *rig) request(r *runner.Runner) (ctx context.Context, span trace.Span, release func(error)) {
	ctx, span = g.provider.Tracer("server").Start(context.Background(), "POST /api/orders")
	ctx, done := r.Scope(ctx)
	return ctx, span, func(err error) {
		span.End()
		done(err)
	}
}

func (g *rig) shutdown(r *runner.Runner) runner.Report {
	report, err := r.Shutdown(context.Background())
	require.NoError(g.t, err)
	return report
}

// run asks r for one callback without a request and shuts r down.
func (g *rig) run(r *runner.Runner, name string, fn func(context.Context) error, opts ...runner.Option) {
	require.NoError(g.t, r.Go(context.Background(), name, fn, opts...))
	g.shutdown(r)
}

// scrape returns what a server with this Accept header gets.
func (g *rig) scrape(accept string) string {
	h := promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError})
	req := httptest.NewRequest("GET", "/metrics", nil)
	req.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	require.Equal(g.t, 200, w.Code, w.Body.String())
	return w.Body.String()
}

const (
	textFormat  = "text/plain"
	openMetrics = "application/openmetrics-text; version=1.0.0"
)

var sample = regexp.MustCompile(`(?m)^(afterglow_\S+?)(\{.*\})? (\S+)$`)

// series returns every sample of a scrape by name and labels, as in
// `afterglow_workers{runner="web"}`.
func (g *rig) series() map[string]float64 {
	all := make(map[string]float64)
	for _, m := range sample.FindAllStringSubmatch(g.scrape(textFormat), -1) {
		v, err := strconv.ParseFloat(m[3], 64)
		require.NoError(g.t, err)
		all[m[1]+m[2]] = v
	}
	return all
}

// spans returns every ended span of that name.
func (g *rig) spans(name string) (found []tracetest.SpanStub) {
	for _, s := range g.exporter.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// span returns the one ended span of that name.
func (g *rig) span(name string) tracetest.SpanStub {
	found := g.spans(name)
	require.Len(g.t, found, 1, "spans called %s", name)
	return found[0]
}

func attrs(kvs []attribute.KeyValue) map[string]any {
	m := make(map[string]any)
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

func event(t testing.TB, s tracetest.SpanStub, name string) sdktrace.Event {
	for _, e := range s.Events {
		if e.Name == name {
			return e
		}
	}
	require.Failf(t, "no such event", "%s has no event %s: %v", s.Name, name, s.Events)
	return sdktrace.Event{}
}

func hasEvent(s tracetest.SpanStub, name string) bool {
	for _, e := range s.Events {
		if e.Name == name {
			return true
		}
	}
	return false
}

// logs keeps what a JSON handler writes.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// records returns every record with that message, in order.
func (g *rig) records(message string) []map[string]any {
	g.logs.mu.Lock()
	defer g.logs.mu.Unlock()
	var found []map[string]any
	for line := range strings.Lines(g.logs.buf.String()) {
		var r map[string]any
		require.NoError(g.t, json.Unmarshal([]byte(line), &r), line)
		if r[slog.MessageKey] == message {
			found = append(found, r)
		}
	}
	return found
}

// record returns the only record with that message, which must have that level.
func (g *rig) record(level slog.Level, message string) map[string]any {
	found := g.records(message)
	require.Len(g.t, found, 1, "records %q", message)
	require.Equal(g.t, level.String(), found[0][slog.LevelKey], message)
	return found[0]
}

func succeed(context.Context) error { return nil }

// takes returns a callback that succeeds after d. It is called in a bubble only.
func takes(d time.Duration) func(context.Context) error {
	return func(context.Context) error {
		<-time.After(d)
		return nil
	}
}

// hang returns only when its context ends.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
