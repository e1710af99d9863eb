package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestACallbackWithoutARequestHasNoLinkAndTellsNothingOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.run(g.runner(runner.Config{Timeout: -1}), "cron", succeed)
		span := g.span("process cron")
		require.Empty(t, span.Links)
		require.Equal(t, map[string]any{
			"afterglow.runner": "default", "afterglow.callback.name": "cron",
			"afterglow.outcome": "success", "afterglow.queue.wait": 0.0,
		}, withoutFunction(t, attrs(span.Attributes)))
	})
}

// withoutFunction returns the attributes without those of the callback's function,
// which must be there.
func withoutFunction(t *testing.T, got map[string]any) map[string]any {
	t.Helper()
	for _, key := range []string{names.AttrFunctionName, names.AttrFunctionFile, names.AttrFunctionLine} {
		require.Contains(t, got, key)
		delete(got, key)
	}
	return got
}

func TestASpanTellsTheTimesAndTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Workers: 1, Timeout: 5 * time.Second})
		mux := http.NewServeMux()
		mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, req *http.Request) {
			err := errors.Join(
				r.After(req.Context(), "first", takes(2*time.Second)),
				r.After(req.Context(), "second", takes(time.Second)))
			if err != nil {
				t.Error(err)
			}
			time.Sleep(30 * time.Millisecond)
		})
		r.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/orders/7?secret=1", nil))
		asked := time.Now().Add(-30 * time.Millisecond)
		g.shutdown(r)

		span := g.span("process second")
		require.Equal(t, map[string]any{
			"afterglow.runner":         "shop",
			"afterglow.callback.name":  "second",
			"afterglow.outcome":        "success",
			"afterglow.queue.wait":     2.0,
			"afterglow.response.delay": 0.03,
			"afterglow.timeout":        5.0,
			"http.route":               "/orders/{id}",
			"http.request.method":      "POST",
		}, withoutFunction(t, attrs(span.Attributes)))
		require.Equal(t, asked.Add(2030*time.Millisecond), span.StartTime.Local())
		require.Equal(t, time.Second, span.EndTime.Sub(span.StartTime))
	})
}

func TestASpanBeginsWithTheNamesAlone(t *testing.T) {
	g := newRig(t, nil)
	var begun map[string]any
	g.run(g.runner(runner.Config{}), "cron", func(ctx context.Context) error {
		begun = attrs(trace.SpanFromContext(ctx).(sdktrace.ReadOnlySpan).Attributes())
		return nil
	})
	require.Equal(t, map[string]any{"afterglow.runner": "default", "afterglow.callback.name": "cron"}, begun)
}

func TestAMethodThatHTTPDoesNotKnowIsOther(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if err := r.After(req.Context(), "a", succeed); err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(strings.Repeat("X", 10_000), "/", nil))
	g.shutdown(r)
	require.Equal(t, "_OTHER", attrs(g.span("process a").Attributes)["http.request.method"])
	require.NotContains(t, attrs(g.span("process a").Attributes), "http.route")
}

func TestAnRPCHasItsOwnAttributes(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	for name, call := range map[string]runner.Request{
		"known":   {Pattern: "/shop.v1.Orders/Place", RPC: "grpc", Code: "NOT_FOUND", Method: http.MethodPost},
		"unknown": {RPC: "grpc"},
	} {
		ctx, release := r.RequestScope(t.Context())
		require.NoError(t, r.After(ctx, name, succeed))
		release(call)
	}
	g.shutdown(r)
	known, unknown := attrs(g.span("process known").Attributes), attrs(g.span("process unknown").Attributes)
	require.Equal(t, "grpc", known["rpc.system.name"])
	require.Equal(t, "shop.v1.Orders/Place", known["rpc.method"])
	require.Equal(t, "NOT_FOUND", known["rpc.response.status_code"])
	require.Equal(t, "grpc", unknown["rpc.system.name"])
	for _, absent := range []string{"http.route", "http.request.method"} {
		require.NotContains(t, known, absent)
	}
	for _, absent := range []string{"rpc.method", "rpc.response.status_code"} {
		require.NotContains(t, unknown, absent)
	}
}

func TestTheRequestsSpanNamesWhatItAskedFor(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Name: "shop", Queue: 1})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	require.Error(t, r.After(ctx, "order.webhook", succeed))
	release(nil)
	g.shutdown(r)

	request := g.span("POST /api/orders")
	require.Len(t, request.Events, 2)
	require.Equal(t, map[string]any{"afterglow.runner": "shop", "afterglow.callback.name": "order.email"},
		attrs(event(t, request, names.EventAccepted).Attributes))
	require.Equal(t, map[string]any{"afterglow.runner": "shop", "afterglow.callback.name": "order.webhook", "afterglow.reason": "queue_full"},
		attrs(event(t, request, names.EventRejected).Attributes))
}

func TestTheCallbackFindsItsSpanAndItsBaggageInTheContext(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	member, err := baggage.NewMember("tenant", "blue")
	require.NoError(t, err)
	bag, err := baggage.New(member)
	require.NoError(t, err)
	var seen trace.SpanContext
	var tenant string
	require.NoError(t, r.Go(baggage.ContextWithBaggage(t.Context(), bag), "a", func(ctx context.Context) error {
		seen = trace.SpanContextFromContext(ctx)
		tenant = baggage.FromContext(ctx).Member("tenant").Value()
		_, child := g.provider.Tracer("mine").Start(ctx, "send")
		child.End()
		return nil
	}))
	g.shutdown(r)
	require.Equal(t, g.span("process a").SpanContext, seen)
	require.Equal(t, seen.SpanID(), g.span("send").Parent.SpanID())
	require.Equal(t, "blue", tenant)
}

func TestTheDeadlineIsAnEventAtItsMomentIfTheCallbackRanPastIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Timeout: time.Second})
		require.NoError(t, r.Go(t.Context(), "deaf", takes(3*time.Second)))
		require.NoError(t, r.Go(t.Context(), "quick", takes(time.Second/2)))
		g.shutdown(r)
		deaf := g.span("process deaf")
		require.Equal(t, deaf.StartTime.Add(time.Second), event(t, deaf, names.EventDeadline).Time)
		require.Equal(t, codes.Unset, deaf.Status.Code, "it succeeded all the same")
		require.False(t, hasEvent(g.span("process quick"), names.EventDeadline))
	})
}

func TestASpanLastsAsLongAsTheRunnerSays(t *testing.T) {
	g := newRig(t, nil)
	start := time.Now().Add(-time.Hour)
	info := runner.StartedInfo{Callback: runner.Callback{Runner: "web", Name: "a", Asked: start}, Due: start, Started: start}
	ctx := g.tel.Observer().Started(t.Context(), info)
	g.tel.Observer().Finished(ctx, runner.FinishedInfo{StartedInfo: info, Finished: start.Add(time.Minute)})
	span := g.span("process a")
	require.True(t, start.Equal(span.StartTime))
	require.Equal(t, time.Minute, span.EndTime.Sub(span.StartTime))
}

func TestADrainEndsTheSpansOfWhatItAbandonsAndStartsNoneForWhatItDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Workers: 1, Timeout: -1})
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "deaf", func(ctx context.Context) error {
			<-time.After(time.Hour)
			trace.SpanFromContext(ctx).AddEvent("too late")
			return nil
		}))
		require.NoError(t, r.After(ctx, "waiting", succeed))
		release(nil)
		synctest.Wait()
		drain, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(drain)
		require.Error(t, err)

		deaf := g.span("process deaf")
		require.Equal(t, "abandoned", attrs(deaf.Attributes)["error.type"])
		require.Equal(t, codes.Error, deaf.Status.Code)
		require.Equal(t, 10*time.Second, deaf.EndTime.Sub(deaf.StartTime))
		require.False(t, hasEvent(deaf, "exception"), "it has thrown nothing yet")
		require.Len(t, g.exporter.GetSpans(), 3, "the request, the one that started, and the drain")
		time.Sleep(time.Hour)
		require.Len(t, g.exporter.GetSpans(), 3)
	})
}

func TestAnEvictedNestedCallbackLeavesTheSpanOfItsAskerOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Workers: 1, Queue: 1, Overflow: runner.DropOldest})
		require.NoError(t, r.Go(t.Context(), "outer", func(ctx context.Context) error {
			if err := r.Go(ctx, "evicted", succeed); err != nil {
				return err
			}
			if err := r.Go(ctx, "inner", succeed); err != nil {
				return err
			}
			trace.SpanFromContext(ctx).AddEvent("still open")
			return nil
		}))
		synctest.Wait()
		g.shutdown(r)
		outer := g.span("process outer")
		require.True(t, hasEvent(outer, "still open"))
		require.Equal(t, "success", attrs(outer.Attributes)["afterglow.outcome"])
		require.InDelta(t, 1, g.series()[`afterglow_callbacks_total{callback="evicted",outcome="dropped",runner="default"}`], 0)
	})
}
