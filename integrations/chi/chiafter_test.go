package chiafter_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/riandyrn/otelchi"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	chiafter "github.com/afterglow-go/afterglow/integrations/chi"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chi gives its route contexts to other requests. The callback reads its parameter from a copy.
func TestUnderLoadEachCallbackSeesItsOwnRequest(t *testing.T) {
	read := func(ctx context.Context) string { return chi.URLParamFromCtx(ctx, "id") }
	conformance.Load(t, "/orders/{id}", read, func(after *runner.Runner, place func(string, conformance.Asks) error) http.Handler {
		router := chi.NewRouter()
		router.Use(chiafter.New(after))
		router.Post("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			ask := func(name string, fn func(context.Context) error) error { return chiafter.After(r.Context(), name, fn) }
			if err := place(chi.URLParam(r, "id"), ask); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
		return router
	})
}

// The link is to otelchi's span wherever that stands, and the route is right in each.
func TestTheLinkAndTheRouteAreRightWhereverOtelchiStands(t *testing.T) {
	for where, order := range map[string]func(ours, theirs func(http.Handler) http.Handler) []func(http.Handler) http.Handler{
		"within": func(ours, theirs func(http.Handler) http.Handler) []func(http.Handler) http.Handler {
			return []func(http.Handler) http.Handler{ours, theirs}
		},
		"around": func(ours, theirs func(http.Handler) http.Handler) []func(http.Handler) http.Handler {
			return []func(http.Handler) http.Handler{theirs, ours}
		},
		"absent": func(ours, _ func(http.Handler) http.Handler) []func(http.Handler) http.Handler {
			return []func(http.Handler) http.Handler{ours}
		},
	} {
		t.Run(where, func(t *testing.T) {
			exporter := tracetest.NewInMemoryExporter()
			provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
			tel, err := telemetry.New(telemetry.Config{TracerProvider: provider, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			after, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
			require.NoError(t, err)
			seen := make(chan runner.Request, 1)
			router := chi.NewRouter()
			router.Use(order(chiafter.New(after), otelchi.Middleware("shop", otelchi.WithTracerProvider(provider)))...)
			router.Route("/orders", func(orders chi.Router) {
				orders.Post("/{id}", func(_ http.ResponseWriter, r *http.Request) {
					if err := chiafter.After(r.Context(), "order.log", adaptertest.Seen(seen)); err != nil {
						t.Error(err)
					}
				})
			})
			_, req := adaptertest.Place(t, after, router, "/orders/7", seen)
			require.Equal(t, "/orders/{id}", req.Pattern)
			_, err = after.Shutdown(t.Context())
			require.NoError(t, err)
			var callback, request tracetest.SpanStub
			for _, span := range exporter.GetSpans() {
				switch span.Name {
				case "process order.log":
					callback = span
				case "/orders/{id}": // as otelchi names it
					request = span
				}
			}
			require.Contains(t, callback.Attributes, attribute.String("http.route", "/orders/{id}"))
			if where == "absent" {
				require.Empty(t, callback.Links)
				return
			}
			require.Len(t, callback.Links, 1)
			require.True(t, callback.Links[0].SpanContext.Equal(request.SpanContext))
		})
	}
}

// Around the router nothing is known of the route, and without a route there is no parameter.
func TestItMayStandAroundTheRouter(t *testing.T) {
	after, seen := adaptertest.NewRunner(t, runner.Config{}), make(chan runner.Request, 1)
	h := chiafter.New(after)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := chiafter.After(r.Context(), "order.log", adaptertest.Seen(seen)); err != nil {
			t.Error(err)
		}
	}))
	_, req := adaptertest.Place(t, after, h, "/orders/7", seen)
	require.Empty(t, req.Pattern)
}

func TestAfterWithoutARunnerIsAMistake(t *testing.T) {
	require.ErrorIs(t, chiafter.After(t.Context(), "order.email", func(context.Context) error { return nil }), runner.ErrNoScope)
}
