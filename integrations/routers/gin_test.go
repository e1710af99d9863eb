package routers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

const requests = 800

// tracedRequests wraps next in a span for each request, as otelhttp does, and keeps
// its id by the id of the request.
func tracedRequests(tracer trace.Tracer, spans *sync.Map, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tracer.Start(r.Context(), "request")
		defer span.End()
		spans.Store(r.Header.Get("X-Id"), span.SpanContext())
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// gin uses a Context again for another request. Callbacks that were asked for with
// it must not see that.
func TestCallbacksOfARecycledGinContextSeeTheirOwnRequest(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	tel, err := telemetry.New(telemetry.Config{TracerProvider: provider, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	after, err := runner.New(runner.Config{Workers: 8, Queue: 10 * requests, Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)

	var wrongRequests, wrongSpans, rejected, gated, once atomic.Int64
	var requestSpans, callbackSpans sync.Map // by the id of the request; by the span of the callback
	check := func(ctx context.Context, id string) {
		if req, ok := runner.RequestFrom(ctx); !ok || req.Header.Get("X-Id") != id || req.URL.Path != "/orders/"+id {
			wrongRequests.Add(1)
		}
		callbackSpans.Store(trace.SpanContextFromContext(ctx).SpanID(), id)
	}
	ask := func(err error) {
		if err != nil {
			rejected.Add(1)
		}
	}
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.POST("/orders/:id", func(c *gin.Context) {
		id := c.Param("id")
		ask(runner.After(c, "order.email", func(ctx context.Context) error {
			select { // other requests get the context meanwhile
			case <-time.After(time.Duration(len(id)) * time.Millisecond):
			case <-ctx.Done():
			}
			check(ctx, id)
			ask(runner.After(ctx, "order.receipt", func(ctx context.Context) error { check(ctx, id); return nil }))
			return nil
		}))
		ask(runner.After(c, "order.failed", func(context.Context) error { gated.Add(1); return nil },
			runner.When(func(r runner.Request) bool { return r.Header.Get("X-Id") != id })))
		for range 2 {
			ask(runner.After(c, "order.count", func(context.Context) error { once.Add(1); return nil }, runner.Once("count")))
		}
		c.String(http.StatusCreated, "Order placed successfully")
	})
	srv := httptest.NewUnstartedServer(tracedRequests(provider.Tracer("server"), &requestSpans, after.Middleware(engine)))
	runner.Bind(srv.Config)
	srv.Start()
	defer srv.Close()

	var clients sync.WaitGroup
	for client := range 16 {
		clients.Go(func() {
			for i := client; i < requests; i += 16 {
				id := fmt.Sprint("order-", i)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/orders/"+id, nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Id", id)
				resp, err := srv.Client().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	clients.Wait()
	require.Eventually(t, func() bool { return after.Stats().Pending() == 0 }, time.Minute, 5*time.Millisecond)
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)

	links := 0
	for _, s := range exporter.GetSpans() {
		if !strings.HasPrefix(s.Name, "process order.email") {
			continue
		}
		id, _ := callbackSpans.Load(s.SpanContext.SpanID())
		want, _ := requestSpans.Load(id)
		if len(s.Links) != 1 || s.Links[0].SpanContext.SpanID() != want.(trace.SpanContext).SpanID() {
			wrongSpans.Add(1)
		}
		links++
	}
	require.Equal(t, requests, links)
	require.Zero(t, wrongRequests.Load(), "requests")
	require.Zero(t, wrongSpans.Load(), "links")
	require.Zero(t, rejected.Load(), "nested calls included")
	require.Zero(t, gated.Load(), "gates")
	require.EqualValues(t, requests, once.Load(), "Once")
}

// Without ContextWithFallback gin's Context does not lead to the scope. One record
// of the line that asks says what to do.
func TestAGinContextWithoutFallbackIsAMisuseThatIsLogged(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	after, err := runner.New(runner.Config{})
	require.NoError(t, err)
	engine := gin.New()
	var errs []error
	engine.POST("/orders", func(c *gin.Context) {
		errs = append(errs, runner.After(c, "order.email", func(context.Context) error { return nil }))
		errs = append(errs, runner.After(c.Request.Context(), "order.email", func(context.Context) error { return nil }))
	})
	misuses := runner.Misuses()[runner.MisuseNoScope]
	for range 3 {
		after.Middleware(engine).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders", nil))
	}
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)
	for i, err := range errs {
		if i%2 == 0 {
			require.ErrorIs(t, err, runner.ErrNoScope)
		} else {
			require.NoError(t, err, "this is what the record says")
		}
	}
	require.EqualValues(t, 3, runner.Misuses()[runner.MisuseNoScope]-misuses)
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	require.Contains(t, log.String(), "gin_test.go:")
	require.Contains(t, log.String(), "in gin, c.Request.Context()")
}
