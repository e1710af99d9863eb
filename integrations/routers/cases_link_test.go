package routers

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/riandyrn/otelchi"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// links places an order with otelhttp around everything, within the Middleware, or
// both, and looks at the link of the callback's span.
func links(t *testing.T, f framework, at mounting, outer, inner bool) {
	tel, provider, exporter := newTelemetry(t, telemetry.Config{})
	after := adaptertest.NewRunner(t, runner.Config{Observers: []runner.Observer{tel.Observer()}})
	otel := func(name string) middleware {
		return func(next http.Handler) http.Handler {
			return otelhttp.NewHandler(next, name, otelhttp.WithTracerProvider(provider),
				otelhttp.WithSpanNameFormatter(func(operation string, _ *http.Request) string { return operation }))
		}
	}
	var use []middleware
	if inner {
		use = append(use, otel("inner"))
	}
	h := f.engine(at, after.Middleware, func(v visit) error {
		return runner.After(v.own, "order.email", func(context.Context) error { return nil })
	}, use...)
	if outer {
		h = otel("outer")(h)
	}
	srv := serve(t, h)
	res := send(t, srv, f.order(t.Context(), srv.URL, "7"))
	require.Less(t, res.Status, http.StatusMultipleChoices, res.Body)
	adaptertest.Drain(t, after)
	srv.Close() // and so otelhttp has ended its spans
	requireRoute(t, spanOf(t, exporter, "process order.email"), f)
	switch {
	case inner:
		requireLink(t, exporter, "inner")
	case outer:
		requireLink(t, exporter, "outer")
	default:
		require.Empty(t, spanOf(t, exporter, "process order.email").Links)
	}
}

// requireRoute holds a span to the route of orders, in the words of HTTP or of RPCs.
func requireRoute(t *testing.T, span tracetest.SpanStub, f framework) {
	t.Helper()
	got := make(map[attribute.Key]string)
	for _, kv := range span.Attributes {
		got[kv.Key] = kv.Value.String()
	}
	if f.rpc != "" {
		require.Equal(t, f.rpc, got["rpc.system.name"])
		require.Equal(t, f.pattern[1:], got["rpc.method"])
		require.NotContains(t, got, attribute.Key("http.route"))
		return
	}
	require.Equal(t, f.pattern[strings.IndexByte(f.pattern, '/'):], got["http.route"])
	require.NotContains(t, got, attribute.Key("rpc.method"))
}

func requireLink(t *testing.T, exporter *tracetest.InMemoryExporter, to string) {
	t.Helper()
	links := spanOf(t, exporter, "process order.email").Links
	require.Len(t, links, 1)
	require.True(t, links[0].SpanContext.Equal(spanOf(t, exporter, to).SpanContext), "the link is to another span")
}

func spanOf(t *testing.T, exporter *tracetest.InMemoryExporter, name string) tracetest.SpanStub {
	t.Helper()
	var all []string
	for _, s := range exporter.GetSpans() {
		if s.Name == name {
			return s
		}
		all = append(all, s.Name)
	}
	require.Contains(t, all, name)
	return tracetest.SpanStub{}
}

// otelchi names its span by the route, which it reads from chi's context at the end.
func TestTheLinkIsToTheSpanOfOtelchiWhereverItStands(t *testing.T) {
	for name, order := range map[string]func(after, otel middleware) []middleware{
		"within Middleware": func(after, otel middleware) []middleware { return []middleware{after, otel} },
		"around Middleware": func(after, otel middleware) []middleware { return []middleware{otel, after} },
	} {
		t.Run(name, func(t *testing.T) {
			tel, provider, exporter := newTelemetry(t, telemetry.Config{})
			after := adaptertest.NewRunner(t, runner.Config{Observers: []runner.Observer{tel.Observer()}})
			router := chi.NewRouter()
			router.Use(order(after.Middleware, otelchi.Middleware("shop", otelchi.WithTracerProvider(provider)))...)
			var asked trace.SpanContext
			router.Post("/orders/{id}", func(w http.ResponseWriter, req *http.Request) {
				asked = trace.SpanContextFromContext(req.Context())
				answer(w, runner.After(req.Context(), "order.email", func(context.Context) error { return nil }))
			})
			srv := serve(t, router)
			require.Equal(t, http.StatusCreated, send(t, srv, chiRouter.order(t.Context(), srv.URL, "7")).Status)
			adaptertest.Drain(t, after)
			srv.Close()
			requireLink(t, exporter, "/orders/{id}")
			require.True(t, asked.IsValid())
		})
	}
}
