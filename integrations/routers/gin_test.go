package routers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
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
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

const (
	requests = 800
	clients  = 16
)

// visits is what the test sees of its requests and their callbacks. A request is
// known by the id that it carries and its callbacks close over.
type visits struct {
	mu        sync.Mutex
	contexts  map[*gin.Context]bool        // guarded by mu: gin's, some used again
	requests  map[string]trace.SpanContext // guarded by mu: the request's span, by id
	callbacks map[trace.SpanID]string      // guarded by mu: id, by the callback's span
	wrong     []string                     // guarded by mu
}

func (v *visits) fail(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// ask takes in the answer of After.
func (v *visits) ask(name string, err error) {
	if err != nil {
		v.fail("ask for %s: %v", name, err)
	}
}

// inCallback checks that ctx belongs to the request with that id.
func (v *visits) inCallback(ctx context.Context, id string) {
	req, ok := runner.RequestFrom(ctx)
	if !ok || req.Header.Get("X-Id") != id || req.URL.Path != "/orders/"+id || req.Status != http.StatusCreated {
		v.fail("a callback of %s sees the request %v of %q", id, req.URL, req.Header.Get("X-Id"))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.callbacks[trace.SpanContextFromContext(ctx).SpanID()] = id
}

// traced gives each request a span, as otelgin does: within gin, in a copy of the
// request that is put back at the end.
func (v *visits) traced(tracer trace.Tracer) gin.HandlerFunc {
	return func(c *gin.Context) {
		before := c.Request
		ctx, span := tracer.Start(before.Context(), "request")
		defer func() {
			span.End()
			c.Request = before
		}()
		c.Request = before.WithContext(ctx)
		v.mu.Lock()
		v.contexts[c] = true
		v.requests[c.Param("id")] = span.SpanContext()
		v.mu.Unlock()
		c.Next()
	}
}

// placeOrder asks with gin's own context. order.webhook waits until all requests
// have been answered, and the others run while gin uses their contexts again.
func (v *visits) placeOrder(answered <-chan struct{}) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.Param("id")
		check := func(ctx context.Context) error {
			v.inCallback(ctx, id)
			return nil
		}
		withReceipt := func(ctx context.Context) error {
			v.ask("order.receipt", runner.After(ctx, "order.receipt", check))
			return check(ctx)
		}
		v.ask("order.email", runner.After(c, "order.email", withReceipt))
		v.ask("order.webhook", runner.After(c, "order.webhook", func(ctx context.Context) error {
			select {
			case <-answered:
			case <-ctx.Done():
			}
			return withReceipt(ctx)
		}))
		for range 2 { // the second one is coalesced
			v.ask("order.count", runner.After(c, "order.count", check, runner.Once("count")))
		}
		v.ask("order.other", runner.After(c, "order.other", check, runner.When(func(r runner.Request) bool {
			return r.Header.Get("X-Id") != id // never
		})))
		c.String(http.StatusCreated, "Order placed successfully")
	}
}

// placeOrders sends all requests, some at a time.
func placeOrders(t *testing.T, srv *httptest.Server) {
	t.Helper()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := client; i < requests; i += clients {
				id := fmt.Sprint("order-", i)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/orders/"+id, http.NoBody)
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
				if resp.StatusCode != http.StatusCreated {
					t.Error(resp.Status)
				}
			}
		})
	}
	wg.Wait()
}

// gin uses a Context again for another request. Callbacks that were asked for with
// it must not see that, nor may their spans and records.
func TestCallbacksOfARecycledGinContextSeeTheirOwnRequest(t *testing.T) {
	exporter, log := tracetest.NewInMemoryExporter(), new(bytes.Buffer)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: provider, Registerer: prometheus.NewRegistry(), LogRate: -1,
		Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	after, err := runner.New(runner.Config{
		Workers: 8, Queue: 10 * requests, Limits: map[string]int{"order.webhook": 4}, Observers: []runner.Observer{tel.Observer()},
	})
	require.NoError(t, err)

	v := &visits{
		contexts: make(map[*gin.Context]bool), requests: make(map[string]trace.SpanContext), callbacks: make(map[trace.SpanID]string),
	}
	answered := make(chan struct{})
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.POST("/orders/:id", v.traced(provider.Tracer("server")), v.placeOrder(answered))
	srv := httptest.NewUnstartedServer(after.Middleware(engine))
	runner.Bind(srv.Config)
	srv.Start()
	defer srv.Close()
	misuses := runner.Misuses()
	placeOrders(t, srv)
	close(answered)
	require.Eventually(t, func() bool { return after.Stats().Pending() == 0 }, time.Minute, 5*time.Millisecond)
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)

	require.Less(t, len(v.contexts), requests, "gin has used no context again: there was nothing to test")
	require.Len(t, v.requests, requests)
	require.Empty(t, v.wrong[:min(len(v.wrong), 10)], "%d in all", len(v.wrong))
	require.Equal(t, misuses, runner.Misuses())
	require.Equal(t, "4000 success, 800 skipped, 800 coalesced", after.Stats().Outcomes.String())
	v.requireLinks(t, exporter.GetSpans())
	v.requireRecords(t, log)
}

// requireLinks checks that each callback's span is linked to the span that asked:
// that of its request or, nested, that of a callback of the same request.
func (v *visits) requireLinks(t *testing.T, spans tracetest.SpanStubs) {
	t.Helper()
	links := 0
	for _, s := range spans {
		if !strings.HasPrefix(s.Name, "process ") {
			continue
		}
		id, known := v.callbacks[s.SpanContext.SpanID()]
		require.True(t, known, s.Name)
		require.Len(t, s.Links, 1, s.Name)
		to := s.Links[0].SpanContext
		if s.Name == "process order.receipt" {
			require.Equal(t, id, v.callbacks[to.SpanID()], s.Name)
		} else {
			require.True(t, to.Equal(v.requests[id]), "%s of %s", s.Name, id)
		}
		links++
	}
	require.Equal(t, 5*requests, links)
}

// requireRecords checks that the record of each callback's end names the trace of
// its request. Those that never ran have no span of their own: each request has two.
func (v *visits) requireRecords(t *testing.T, log *bytes.Buffer) {
	t.Helper()
	ran, notRun := 0, make(map[string]int) // by trace
	for line := range bytes.Lines(log.Bytes()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal(line, &record))
		if record[slog.MessageKey] != names.LogFinished {
			continue
		}
		request, _ := record[names.KeyRequestTraceID].(string)
		if record[names.KeyOutcome] != runner.OutcomeSuccess.String() {
			notRun[request]++
			continue
		}
		span, err := trace.SpanIDFromHex(record[names.KeySpanID].(string))
		require.NoError(t, err)
		require.Equal(t, v.requests[v.callbacks[span]].TraceID().String(), request, "%s", line)
		ran++
	}
	require.Equal(t, 5*requests, ran)
	require.Len(t, notRun, requests)
	for _, span := range v.requests {
		require.Equal(t, 2, notRun[span.TraceID().String()], "one that is coalesced, one that is skipped")
	}
}

// misuseLog is of the whole process, as the record is written once in it, however
// often the test runs.
var misuseLog bytes.Buffer

// Without ContextWithFallback gin's Context does not lead to the scope. One record
// of the line that asks says what to do.
func TestAGinContextWithoutFallbackIsAMisuseThatIsLogged(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&misuseLog, nil)))
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
		after.Middleware(engine).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders", http.NoBody))
	}
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)
	require.Len(t, errs, 6)
	for i, err := range errs {
		if i%2 == 0 {
			require.ErrorIs(t, err, runner.ErrNoScope)
		} else {
			require.NoError(t, err, "this is what the record says")
		}
	}
	require.EqualValues(t, 3, runner.Misuses()[runner.MisuseNoScope]-misuses)
	require.Equal(t, 1, strings.Count(misuseLog.String(), "\n"), misuseLog.String())
	require.Contains(t, misuseLog.String(), "gin_test.go:")
	require.Contains(t, misuseLog.String(), "in gin, c.Request.Context()")
}
