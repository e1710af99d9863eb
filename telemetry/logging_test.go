package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// requireRecord compares a record without its time, its function and its ids, which
// must be there.
func requireRecord(t *testing.T, want, got map[string]any) {
	t.Helper()
	for _, key := range []string{"time", "level", "msg", "function", "trace_id", "span_id", "request.trace_id"} {
		require.Contains(t, got, key)
		delete(got, key)
	}
	require.Equal(t, want, got)
}

func TestAFailedCallbackIsAnErrorRecordThatLeadsToItsSpanAndItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop"})
		ctx, request, release := g.request(r)
		require.NoError(t, r.After(ctx, "order.email", func(context.Context) error {
			<-time.After(2 * time.Second)
			return errors.New("mailbox full")
		}))
		time.Sleep(time.Second)
		release(nil)
		g.shutdown(r)

		record := g.record(slog.LevelError, names.LogFailed)
		span := g.span("process order.email").SpanContext
		require.Equal(t, span.TraceID().String(), record["trace_id"])
		require.Equal(t, span.SpanID().String(), record["span_id"])
		require.Equal(t, request.SpanContext().TraceID().String(), record["request.trace_id"])
		requireRecord(t, map[string]any{
			"runner": "shop", "callback": "order.email", "outcome": "error",
			"error": "mailbox full", "error.type": "*errors.errorString",
			"age_seconds": 3.0, "response_delay_seconds": 1.0, "queue_wait_seconds": 0.0,
			"duration_seconds": 2.0, "timeout_seconds": 30.0,
		}, record)
	})
}

func TestAPanicIsAnErrorRecordWithTheCallbacksStack(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{}), "a", func(context.Context) error { panic("nil map") })
	record := g.record(slog.LevelError, names.LogPanicked)
	require.Equal(t, "string", record["exception.type"])
	require.Equal(t, "nil map", record["exception.message"])
	stack := record["exception.stacktrace"].(string)
	require.True(t, strings.HasPrefix(stack, "github.com/afterglow-go/afterglow/telemetry_test."), stack)
	require.NotContains(t, stack, "afterglow/runner.")
}

func TestATimeoutIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.run(g.runner(runner.Config{Timeout: time.Second}), "a", hang)
		record := g.record(slog.LevelWarn, names.LogTimedOut)
		require.InDelta(t, 1, record["timeout_seconds"], 0)
		require.InDelta(t, 1, record["duration_seconds"], 0)
		require.Equal(t, "timeout", record["outcome"])
	})
}

func TestRejectionsAreWarnedOfOnceASecondWithTheNumberLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Queue: 1})
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "a", succeed))
		for range 250 { // 2.5 s
			require.Error(t, r.After(ctx, "b", succeed))
			time.Sleep(10 * time.Millisecond)
		}
		release(nil)
		g.shutdown(r)
		records := g.records(names.LogRejected)
		require.Len(t, records, 3)
		for i, suppressed := range []any{nil, 99.0, 99.0} {
			require.Equal(t, "WARN", records[i]["level"])
			require.Equal(t, suppressed, records[i]["suppressed"])
		}
		requireRecord(t, map[string]any{
			"runner": "default", "callback": "b", "reason": "queue_full",
			"error": runner.ErrQueueFull.Error(),
		}, records[0])
	})
}

func TestRunnersDoNotSuppressEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		for i := range 3 {
			r := g.runner(runner.Config{Name: fmt.Sprint("runner", i)})
			g.shutdown(r)
			require.Error(t, r.Go(t.Context(), "a", succeed))
		}
		require.Len(t, g.records(names.LogRejected), 3)
	})
}

func TestEvictionsAreLimitedAsRejectionsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Workers: 1, Queue: 1, Overflow: runner.DropOldest})
		require.NoError(t, r.Go(t.Context(), "busy", takes(20*time.Second)))
		synctest.Wait()
		for range 150 { // 1.5 s
			require.NoError(t, r.Go(t.Context(), "a", succeed))
			time.Sleep(10 * time.Millisecond)
		}
		records := g.records(names.LogDropped)
		require.Len(t, records, 2)
		require.InDelta(t, 99, records[1]["suppressed"], 0)
		require.Equal(t, runner.ErrEvicted.Error(), records[0]["error"])

		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "a", succeed))
		require.Error(t, r.After(ctx, "a", succeed))
		require.Len(t, g.records(names.LogRejected), 1, "one kind does not hold back the other")
		release(nil)
		g.shutdown(r)
	})
}

func TestALateStartIsAWarningOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Workers: 1})
		require.NoError(t, r.Go(t.Context(), "busy", takes(time.Second)))
		require.NoError(t, r.Go(t.Context(), "in.time", takes(time.Millisecond)))
		for range 5 {
			require.NoError(t, r.Go(t.Context(), "late", takes(300*time.Millisecond)))
		}
		g.shutdown(r)
		records := g.records(names.LogSlowStart)
		require.Len(t, records, 2)
		require.Equal(t, "late", records[0]["callback"])
		require.Equal(t, "WARN", records[0]["level"])
		require.InDelta(t, 1.001, records[0]["queue_wait_seconds"], 1e-9)
		require.InDelta(t, 3, records[1]["suppressed"], 0)
		require.Equal(t, g.records(names.LogFinished)[2]["span_id"], records[0]["span_id"])
	})
}

func TestADrainIsToldFromBeginningToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop"})
		require.NoError(t, r.Go(t.Context(), "a", takes(3*time.Second)))
		synctest.Wait()
		g.shutdown(r)
		started := g.record(slog.LevelInfo, names.LogDrainStarted)
		require.InDelta(t, 1, started["running"], 0)
		require.Equal(t, "shop", started["runner"])
		finished := g.record(slog.LevelInfo, names.LogDrainFinished)
		require.InDelta(t, 3, finished["duration_seconds"], 0)
		require.InDelta(t, 1, finished["pending"], 0)
		require.InDelta(t, 1, finished["completed"], 0)
		require.NotContains(t, finished, "lost_callbacks")
	})
}

func TestADrainThatLosesWorkNamesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Workers: 2, Timeout: -1})
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "deaf", takes(time.Hour)))
		require.NoError(t, r.After(ctx, "patient", hang))
		release(nil)
		synctest.Wait()
		require.NoError(t, r.Go(ctx, "waiting", succeed))
		require.NoError(t, r.Go(ctx, "waiting", succeed))
		drain, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(drain)
		require.Error(t, err)

		finished := g.record(slog.LevelWarn, names.LogDrainFinished)
		require.InDelta(t, 4, finished["lost"], 0)
		require.ElementsMatch(t, []any{"1 x deaf abandoned", "1 x patient canceled", "2 x waiting dropped"}, finished["lost_callbacks"])

		abandoned := g.record(slog.LevelWarn, names.LogAbandoned)
		require.InDelta(t, 10, abandoned["duration_seconds"], 0)
		require.NotEqual(t, abandoned["trace_id"], abandoned["request.trace_id"])
		require.Equal(t, runner.ErrShutdown.Error(), abandoned["error"])
		require.InDelta(t, 9, g.record(slog.LevelWarn, names.LogCanceled)["duration_seconds"], 0)

		dropped := g.records(names.LogDropped)
		require.Len(t, dropped, 2)
		require.NotContains(t, dropped[0], "duration_seconds", "it never ran")
		require.InDelta(t, 9, dropped[0]["age_seconds"], 0)
		require.Equal(t, dropped[0]["request.trace_id"], dropped[0]["trace_id"], "it has no span but its asker's")
		time.Sleep(time.Hour)
	})
}

func TestADrainNamesNoMoreThanTwentyOfWhatItLost(t *testing.T) {
	g := newRig(t, nil)
	report := runner.Report{Runner: "shop"}
	for i := range 1000 {
		report.Lost = append(report.Lost, runner.Lost{Name: fmt.Sprintf("callback.%d", i), Outcome: runner.OutcomeDropped})
	}
	g.tel.Observer().DrainFinished(t.Context(), report)
	lost := g.record(slog.LevelWarn, names.LogDrainFinished)["lost_callbacks"].([]any)
	require.Len(t, lost, 21)
	require.Equal(t, "and 980 more names and outcomes", lost[20])
}

func TestSuccessIsADebugRecord(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{}), "a", succeed)
	record := g.record(slog.LevelDebug, names.LogFinished)
	require.Equal(t, "success", record["outcome"])
	require.NotContains(t, record, "error")
}

func TestNothingIsComputedThatNobodyRecords(t *testing.T) {
	handler := new(deafHandler)
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.TracerProvider = noop.NewTracerProvider()
		cfg.Logger = slog.New(handler)
	})
	secret := new(countingError)
	r := g.runner(runner.Config{})
	require.NoError(t, r.Go(t.Context(), "a", func(context.Context) error { return secret }))
	require.NoError(t, r.Go(t.Context(), "a", func(context.Context) error { panic(secret) }))
	g.shutdown(r)
	require.Error(t, r.Go(t.Context(), "a", succeed))
	require.EqualValues(t, 6, handler.asked.Load(), "by Observer, at two ends, a rejection, and the drain's two")
	require.Zero(t, handler.given.Load())
	require.Zero(t, secret.asked.Load())
}

// deafHandler is enabled for nothing.
type deafHandler struct{ asked, given atomic.Int64 }

func (h *deafHandler) Enabled(context.Context, slog.Level) bool { h.asked.Add(1); return false }
func (h *deafHandler) Handle(context.Context, slog.Record) error {
	h.given.Add(1)
	return nil
}
func (h *deafHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h *deafHandler) WithGroup(string) slog.Handler      { return h }

// countingError counts how often its text is made.
type countingError struct{ asked atomic.Int64 }

func (e *countingError) Error() string {
	e.asked.Add(1)
	return "expensive"
}
