package routers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

const (
	clients  = 16
	perOrder = 7 // callbacks that run
)

// load is how many orders are placed under load: many where the framework gives its
// context to the next request.
func (f framework) load() int {
	if f.recycles {
		return 800
	}
	return 160
}

// visits is what the test sees of its requests and their callbacks. A request is
// known by the id that it carries and its callbacks close over.
type visits struct {
	framework framework
	after     *runner.Runner
	tracer    trace.Tracer
	answered  chan struct{} // closed when every request has its response

	mu        sync.Mutex
	contexts  map[context.Context]bool     // guarded by mu: gin's, some used again
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
	if !ok || req.Header.Get("X-Id") != id || req.Pattern != v.framework.pattern || req.Status == 0 || !req.Succeeded() {
		v.fail("a callback of %s sees the request %v of %q", id, req.URL, req.Header.Get("X-Id"))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.callbacks[trace.SpanContextFromContext(ctx).SpanID()] = id
}

// traced gives each request a span.
func (v *visits) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, span := v.begin(req)
		defer span.End()
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

func (v *visits) begin(req *http.Request) (context.Context, trace.Span) {
	ctx, span := v.tracer.Start(req.Context(), "request")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests[req.Header.Get("X-Id")] = span.SpanContext()
	return ctx, span
}

// place asks with the framework's own context. order.webhook waits until all requests
// have been answered, and the others run while the framework uses contexts again.
func (v *visits) place(visit visit) error {
	id, ctx := visit.id, visit.own
	if c, ok := ctx.(*gin.Context); ok {
		v.mu.Lock()
		v.contexts[c] = true
		v.mu.Unlock()
	}
	check := func(ctx context.Context) error {
		v.inCallback(ctx, id)
		return nil
	}
	withReceipt := func(ctx context.Context) error {
		v.ask("order.receipt", runner.After(ctx, "order.receipt", check))
		scoped, release := v.after.Scope(ctx)
		v.ask("order.note", runner.After(scoped, "order.note", check))
		release(nil)
		return check(ctx)
	}
	v.ask("order.email", runner.After(ctx, "order.email", withReceipt))
	v.ask("order.webhook", runner.After(ctx, "order.webhook", func(ctx context.Context) error {
		select {
		case <-v.answered:
		case <-ctx.Done():
		}
		return withReceipt(ctx)
	}))
	for range 2 { // the second one is coalesced
		v.ask("order.count", runner.After(ctx, "order.count", check, runner.Once("count")))
	}
	v.ask("order.other", runner.After(ctx, "order.other", check, runner.When(func(r runner.Request) bool {
		return r.Header.Get("X-Id") != id // never
	})))
	return nil
}

// placeOrders sends all requests, some at a time.
func (v *visits) placeOrders(t *testing.T, srv *httptest.Server) {
	t.Helper()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := client; i < v.framework.load(); i += clients {
				resp, err := srv.Client().Do(v.framework.order(t.Context(), srv.URL, fmt.Sprint("order-", i)))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode >= http.StatusMultipleChoices {
					t.Error(resp.Status)
				}
			}
		})
	}
	wg.Wait()
}

// underLoad holds callbacks, spans and records to their own request, whatever the
// framework uses again.
func underLoad(t *testing.T, f framework, at mounting) {
	visitAll(t, f, func(v *visits) http.Handler { return f.engine(at, v.after.Middleware, v.place, v.traced) })
}

func visitAll(t *testing.T, f framework, engine func(*visits) http.Handler) {
	t.Helper()
	requests := f.load()
	log := new(bytes.Buffer)
	tel, provider, exporter := newTelemetry(t, telemetry.Config{
		LogRate: -1, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	after := adaptertest.NewRunner(t, runner.Config{
		Workers: 8, Queue: 2 * perOrder * requests, Limits: map[string]int{"order.webhook": 4}, Observers: []runner.Observer{tel.Observer()},
	})
	v := &visits{
		framework: f, after: after, tracer: provider.Tracer("server"), answered: make(chan struct{}),
		contexts: make(map[context.Context]bool), requests: make(map[string]trace.SpanContext), callbacks: make(map[trace.SpanID]string),
	}
	misuses := runner.Misuses()
	srv := serve(t, engine(v))
	v.placeOrders(t, srv)
	close(v.answered)
	require.Eventually(t, func() bool { return after.Stats().Pending() == 0 }, time.Minute, 5*time.Millisecond)
	adaptertest.Drain(t, after)

	if f.recycles {
		require.Less(t, len(v.contexts), requests, "no context was used again: there was nothing to test")
	}
	require.Len(t, v.requests, requests)
	require.Empty(t, v.wrong[:min(len(v.wrong), 10)], "%d in all", len(v.wrong))
	require.Equal(t, misuses, runner.Misuses())
	require.Equal(t, fmt.Sprintf("%d success, %d skipped, %d coalesced", perOrder*requests, requests, requests), after.Stats().Outcomes.String())
	v.requireLinks(t, exporter.GetSpans())
	v.requireRecords(t, log)
}

// requireLinks checks that each callback's span is linked to the span that asked:
// that of its request or, nested, that of a callback of the same request.
func (v *visits) requireLinks(t *testing.T, spans tracetest.SpanStubs) {
	t.Helper()
	links, requests := 0, v.framework.load()
	for _, s := range spans {
		if !strings.HasPrefix(s.Name, "process ") {
			continue
		}
		id, known := v.callbacks[s.SpanContext.SpanID()]
		require.True(t, known, s.Name)
		require.Len(t, s.Links, 1, s.Name)
		to := s.Links[0].SpanContext
		if s.Name == "process order.receipt" || s.Name == "process order.note" {
			require.Equal(t, id, v.callbacks[to.SpanID()], s.Name)
		} else {
			require.True(t, to.Equal(v.requests[id]), "%s of %s", s.Name, id)
		}
		links++
	}
	require.Equal(t, perOrder*requests, links)
}

// requireRecords checks that the record of each callback's end names the trace of
// its request. Those that never ran have no span of their own: each request has two.
func (v *visits) requireRecords(t *testing.T, log *bytes.Buffer) {
	t.Helper()
	requests := v.framework.load()
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
	require.Equal(t, perOrder*requests, ran)
	require.Len(t, notRun, requests)
	for _, span := range v.requests {
		require.Equal(t, 2, notRun[span.TraceID().String()], "one that is coalesced, one that is skipped")
	}
}
