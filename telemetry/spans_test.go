package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/afterglow-go/afterglow/runner"
)

// What spans carry is API as the names of metrics are.
func TestTheNamesOfSpansAndOfWhatTheyCarryAreTheGoldenOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, withAskSpans)
		r := g.runner(runner.Config{Name: "shop", Workers: 1, Queue: 5, Timeout: 2 * time.Second})
		ask := func(ctx context.Context) error {
			return errors.Join(
				r.After(ctx, "order.email", takes(4*time.Second), runner.Ref("order 7")), // is found stuck
				r.After(ctx, "order.webhook", func(context.Context) error { return errors.New("503") },
					runner.RetryBackoff(2, func(int) time.Duration { return time.Second })),
				r.After(ctx, "order.analytics", func(context.Context) error { panic("nil map") }),
				r.After(ctx, "cache.revalidate", hang),
				r.After(ctx, "order.deaf", takes(time.Hour)))
		}
		mux := http.NewServeMux()
		mux.HandleFunc("POST /api/orders", func(_ http.ResponseWriter, req *http.Request) {
			if err := ask(req.Context()); err != nil {
				t.Error(err)
			}
			for range 5 { // more than are listed
				if err := r.After(req.Context(), "rejected", succeed, runner.Ref("order 7")); err == nil {
					t.Error("the queue is not full")
				}
			}
		})
		ctx, request := g.provider.Tracer("server").Start(t.Context(), "request")
		r.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "POST", "/api/orders", nil))
		request.End()
		<-time.After(15 * time.Second)
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)
		<-time.After(time.Hour)
		golden(t, "spans.golden", carried(g.exporter.GetSpans()))
	})
}

// carried lists what the spans of each kind carry: its attributes and events,
// and their types.
func carried(spans tracetest.SpanStubs) string {
	kinds := make(map[string]map[string]bool)
	for _, span := range spans {
		operation, _, _ := strings.Cut(span.Name, " ")
		kind := fmt.Sprintf("%s (%s)", operation, span.SpanKind)
		if kinds[kind] == nil {
			kinds[kind] = make(map[string]bool)
		}
		note := func(within string, attrs []attribute.KeyValue) {
			for _, a := range attrs {
				kinds[kind][fmt.Sprintf("%s%s %s", within, a.Key, a.Value.Type())] = true
			}
		}
		note("", span.Attributes)
		for _, e := range span.Events {
			note("event "+e.Name+": ", e.Attributes)
			kinds[kind]["event "+e.Name] = true
		}
	}
	var text strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintln(&text, kind)
		for _, line := range slices.Sorted(maps.Keys(kinds[kind])) {
			fmt.Fprintln(&text, "  "+line)
		}
	}
	return text.String()
}
