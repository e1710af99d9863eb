package telemetry_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestADrainHasASpanAndItsRecordsLeadThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		var observed trace.SpanContext
		r := g.runner(runner.Config{Name: "shop", Workers: 1})
		second, err := runner.New(runner.Config{Name: "second", Observers: []runner.Observer{g.tel.Observer(), {
			DrainFinished: func(ctx context.Context, _ runner.Report) { observed = trace.SpanContextFromContext(ctx) },
		}}})
		require.NoError(t, err)
		require.NoError(t, r.Go(t.Context(), "a", takes(2*time.Second)))
		require.NoError(t, r.Go(t.Context(), "b", takes(time.Second)))

		ctx, stop := g.provider.Tracer("main").Start(t.Context(), "stop")
		_, err = r.Shutdown(ctx)
		require.NoError(t, err)
		_, err = second.Shutdown(ctx)
		require.NoError(t, err)
		stop.End()

		span := g.span("drain shop")
		require.Equal(t, trace.SpanKindInternal, span.SpanKind)
		require.Equal(t, stop.SpanContext().SpanID(), span.Parent.SpanID())
		require.Equal(t, 3*time.Second, span.EndTime.Sub(span.StartTime))
		require.Equal(t, codes.Unset, span.Status.Code)
		require.Equal(t, map[string]any{
			"afterglow.runner":        "shop",
			"afterglow.drain.pending": int64(2), "afterglow.drain.completed": int64(2), "afterglow.drain.lost": int64(0),
		}, attrs(span.Attributes))
		require.Equal(t, g.span("drain second").SpanContext, observed, "other observers find it too")
		for _, message := range []string{names.LogDrainStarted, names.LogDrainFinished} {
			record := g.records(message)[0]
			require.Equal(t, "shop", record["runner"])
			require.Equal(t, span.SpanContext.TraceID().String(), record["trace_id"])
			require.Equal(t, span.SpanContext.SpanID().String(), record["span_id"])
		}
	})
}

func TestADrainThatLosesWorkSaysWhatOnItsSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Workers: 1, Timeout: -1})
		require.NoError(t, r.Go(t.Context(), "deaf", takes(time.Hour)))
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "waiting", succeed))
		require.NoError(t, r.Go(t.Context(), "waiting", succeed))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(ctx)
		require.Error(t, err)
		<-time.After(time.Hour)

		span := g.span("drain shop")
		require.Equal(t, codes.Error, span.Status.Code)
		require.Equal(t, "3 of 3 callbacks lost: 2 x waiting dropped, 1 x deaf abandoned", span.Status.Description)
		require.Equal(t, map[string]any{
			"afterglow.runner":        "shop",
			"afterglow.drain.pending": int64(3), "afterglow.drain.completed": int64(0), "afterglow.drain.lost": int64(3),
		}, attrs(span.Attributes))
		require.Equal(t, span.SpanContext.SpanID().String(), g.record(slog.LevelWarn, names.LogDrainFinished)["span_id"])
	})
}

func TestWhatADrainSaysOfManyNamesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop"})
		ctx, _, release := g.request(r)
		defer release(nil)
		for i := range 100 {
			require.NoError(t, r.After(ctx, fmt.Sprintf("%s.%d", strings.Repeat("x", 60), i), succeed))
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)
		description := g.span("drain shop").Status.Description
		require.True(t, strings.HasPrefix(description, "100 of 100 callbacks lost: 1 x xxx"), description)
		require.Len(t, description, 256)
	})
}

// brokenDrains panics where the span of the runner broken's drain would start.
type brokenDrains struct{ trace.Tracer }

func (b brokenDrains) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if name == "drain broken" {
		panic("no span")
	}
	return b.Tracer.Start(ctx, name, options...)
}

type brokenDrainsProvider struct{ trace.TracerProvider }

func (b brokenDrainsProvider) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return brokenDrains{b.TracerProvider.Tracer(name, options...)}
}

func TestADrainWhoseSpanCannotBeStartedLeavesTheSpansAroundItAlone(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = brokenDrainsProvider{cfg.TracerProvider} })
	broken := g.runner(runner.Config{Name: "broken"})
	// The drain of one runner drains the other, within its own context.
	first := g.runner(runner.Config{Name: "first", Observers: []runner.Observer{{
		DrainFinished: func(ctx context.Context, _ runner.Report) {
			if _, err := broken.Shutdown(ctx); err != nil {
				t.Error(err)
			}
			trace.SpanFromContext(ctx).AddEvent("still open")
		},
	}}})
	ctx, stop := g.provider.Tracer("main").Start(t.Context(), "stop")
	_, err := first.Shutdown(ctx)
	require.NoError(t, err)
	require.True(t, stop.IsRecording())
	stop.End()
	require.Empty(t, g.span("stop").Attributes)
	require.True(t, hasEvent(g.span("drain first"), "still open"))
	require.Equal(t, map[string]float64{"traces": 1, "logs": 0, "observer": 0}, g.errors())
	records := g.records(names.LogDrainFinished)
	require.Len(t, records, 2)
	for _, record := range records {
		require.Equal(t, g.span("drain first").SpanContext.SpanID().String(), record["span_id"])
	}
}

func TestADrainsSpanLastsAsLongAsTheRunnerSays(t *testing.T) {
	g := newRig(t, nil)
	start := time.Now()
	ctx := g.tel.Observer().DrainStarted(t.Context(), runner.DrainInfo{Runner: "web"})
	g.tel.Observer().DrainFinished(ctx, runner.Report{Runner: "web", Started: start, Duration: time.Hour})
	require.True(t, start.Add(time.Hour).Equal(g.span("drain web").EndTime))
}
