package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func withAskSpans(cfg *telemetry.Config) { cfg.AskSpans = true }

// line is that of its caller.
func line() int64 {
	_, _, n, _ := runtime.Caller(1)
	return int64(n)
}

func TestAnAskSpanStandsBetweenTheRequestAndItsCallback(t *testing.T) {
	g := newRig(t, withAskSpans)
	r := g.runner(runner.Config{Name: "shop", Queue: 7})
	ctx, request, release := g.request(r)
	var here int64
	require.NoError(t, r.After(ctx, "first", succeed))
	here = line() + 1
	require.NoError(t, r.After(ctx, "order.email", func(context.Context) error { return errors.New("no") }))
	release(nil)
	g.shutdown(r)

	ask, process := g.span("ask order.email"), g.span("process order.email")
	require.Equal(t, trace.SpanKindProducer, ask.SpanKind)
	require.Equal(t, request.SpanContext().SpanID(), ask.Parent.SpanID())
	require.Equal(t, request.SpanContext().TraceID(), ask.SpanContext.TraceID())
	require.Equal(t, codes.Unset, ask.Status.Code)
	got := withoutFunction(t, attrs(ask.Attributes))
	require.Contains(t, got["code.file.path"], "ask_test.go")
	delete(got, "code.file.path")
	require.Equal(t, map[string]any{
		"afterglow.runner": "shop", "afterglow.callback.name": "order.email",
		"afterglow.queue.depth": int64(0), "afterglow.queue.capacity": int64(7),
		"code.function.name": "github.com/afterglow-go/afterglow/telemetry_test.TestAnAskSpanStandsBetweenTheRequestAndItsCallback",
		"code.line.number":   here,
	}, got)

	require.False(t, process.Parent.IsValid())
	require.Len(t, process.Links, 1)
	require.Equal(t, ask.SpanContext, process.Links[0].SpanContext)
	require.Equal(t, here, attrs(process.Attributes)["code.line.number"])
	require.Equal(t, request.SpanContext().TraceID().String(), g.record(slog.LevelError, names.LogFailed)["request.trace_id"])
	require.True(t, hasEvent(g.span("POST /api/orders"), names.EventAccepted), "the request's span names it all the same")
}

func TestAnAskSpanIsTheParentOfAChild(t *testing.T) {
	for relation, links := range map[telemetry.Relation]int{telemetry.Child: 0, telemetry.ChildAndLink: 1} {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.AskSpans, cfg.Relation = true, relation })
		r := g.runner(runner.Config{})
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "a", succeed))
		release(nil)
		g.shutdown(r)
		ask, process := g.span("ask a"), g.span("process a")
		require.Equal(t, ask.SpanContext.SpanID(), process.Parent.SpanID())
		require.Len(t, process.Links, links)
		for _, l := range process.Links {
			require.Equal(t, ask.SpanContext, l.SpanContext)
		}
	}
}

func TestARejectedCallbackHasAnAskSpanWithTheReason(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.AskSpans = true })
	r := g.runner(runner.Config{Name: "shop", Queue: 1, MaxNames: 1})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	here := line() + 1
	require.ErrorIs(t, r.After(ctx, "order.webhook", succeed), runner.ErrQueueFull) // its name folds
	release(nil)
	g.shutdown(r)

	span := g.span("ask order.webhook")
	require.Equal(t, trace.SpanKindProducer, span.SpanKind)
	require.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID())
	require.Equal(t, codes.Error, span.Status.Code)
	require.Equal(t, runner.ErrQueueFull.Error(), span.Status.Description)
	got := withoutFunction(t, attrs(span.Attributes))
	delete(got, "code.file.path")
	require.Equal(t, map[string]any{
		"afterglow.runner": "shop", "afterglow.callback.name": "order.webhook",
		"afterglow.outcome": "rejected", "afterglow.reason": "queue_full", "error.type": "rejected",
		"code.function.name": "github.com/afterglow-go/afterglow/telemetry_test.TestARejectedCallbackHasAnAskSpanWithTheReason",
		"code.line.number":   here,
	}, got)
	require.Empty(t, g.spans("process order.webhook"))
}

func TestAnAskSpanLastsFromTheCallToItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, withAskSpans)
		r := g.runner(runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Minute)})
		ctx, cancel := context.WithCancelCause(t.Context())
		require.NoError(t, r.Go(ctx, "running", takes(3*time.Second)))
		synctest.Wait()
		require.NoError(t, r.Go(ctx, "queued", takes(3*time.Second)))
		require.NoError(t, r.Go(ctx, "waits", succeed)) // for a place, 3 s
		go func() {
			<-time.After(time.Second)
			cancel(hostile{})
		}()
		require.Error(t, r.Go(ctx, "rejected", succeed))
		g.shutdown(r)

		waits, rejected := g.span("ask waits"), g.span("ask rejected")
		require.Equal(t, 3*time.Second, waits.EndTime.Sub(waits.StartTime))
		require.Equal(t, time.Second, rejected.EndTime.Sub(rejected.StartTime))
		require.Equal(t, "canceled", attrs(rejected.Attributes)["afterglow.reason"])
		require.LessOrEqual(t, len(rejected.Status.Description), 256)
		require.True(t, utf8.ValidString(rejected.Status.Description))
		require.Equal(t, map[string]float64{"traces": 0, "logs": 0, "observer": 0}, g.errors())
	})
}

func TestWithoutARequestAnAskSpanIsARootAndNoRequestIsNamed(t *testing.T) {
	g := newRig(t, withAskSpans)
	g.run(g.runner(runner.Config{}), "cron", func(context.Context) error { return errors.New("no") })
	ask := g.span("ask cron")
	require.False(t, ask.Parent.IsValid())
	require.Equal(t, ask.SpanContext, g.span("process cron").Links[0].SpanContext)
	require.NotContains(t, g.record(slog.LevelError, names.LogFailed), "request.trace_id")
}

func TestEveryAttemptIsLinkedToTheOneAskSpan(t *testing.T) {
	g := newRig(t, withAskSpans)
	r := g.runner(runner.Config{})
	g.run(r, "a", func(context.Context) error { return errors.New("no") },
		runner.RetryBackoff(3, func(int) time.Duration { return 0 }))
	ask, attempts := g.span("ask a"), g.spans("process a")
	require.Len(t, attempts, 3)
	for _, attempt := range attempts {
		require.Equal(t, ask.SpanContext, attempt.Links[0].SpanContext)
		require.Equal(t, attrs(ask.Attributes)["code.line.number"], attrs(attempt.Attributes)["code.line.number"])
	}
}

func TestTheAskSpanOfANestedCallbackBelongsToTheOneThatAskedForIt(t *testing.T) {
	g := newRig(t, withAskSpans)
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
		return r.After(ctx, "inner", func(context.Context) error { return errors.New("no") })
	}))
	release(nil)
	require.NoError(t, runner.Wait(ctx))
	g.shutdown(r)
	outer, ask := g.span("process outer"), g.span("ask inner")
	require.Equal(t, outer.SpanContext.SpanID(), ask.Parent.SpanID())
	require.Equal(t, ask.SpanContext, g.span("process inner").Links[0].SpanContext)
	require.Equal(t, request.SpanContext().TraceID().String(), g.record(slog.LevelError, names.LogFailed)["request.trace_id"])
}
