package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestEachAttemptHasASpanAndARecordAndTheOutcomeIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop"})
		ctx, request, release := g.request(r)
		attempts := 0
		require.NoError(t, r.After(ctx, "order.email", func(context.Context) error {
			time.Sleep(time.Second)
			if attempts++; attempts < 3 {
				return errors.New("451 later")
			}
			return nil
		}, runner.RetryBackoff(3, func(int) time.Duration { return 10 * time.Second })))
		release(nil)
		g.shutdown(r)

		s := g.series()
		require.InDelta(t, 2.0, s[`afterglow_retries_total{callback="order.email",runner="shop"}`], 0)
		require.InDelta(t, 1.0, s[`afterglow_callbacks_total{callback="order.email",outcome="success",runner="shop"}`], 0)
		require.InDelta(t, 0.0, s[`afterglow_callbacks_total{callback="order.email",outcome="error",runner="shop"}`], 0)
		require.InDelta(t, 1.0, s[`afterglow_asked_total{callback="order.email",runner="shop"}`], 0)
		require.InDelta(t, 2.0, s[`afterglow_callback_duration_seconds_count{callback="order.email",result="failure",runner="shop"}`], 0)
		require.InDelta(t, 1.0, s[`afterglow_response_delay_seconds_count{runner="shop"}`], 0, "there was one response")
		require.InDelta(t, 3.0, s[`afterglow_queue_wait_seconds_count{runner="shop"}`], 0)

		var spans []map[string]any
		for _, span := range g.exporter.GetSpans() {
			if span.Name != "process order.email" {
				continue
			}
			require.Equal(t, request.SpanContext(), span.Links[0].SpanContext, "every attempt links to the request")
			spans = append(spans, attrs(span.Attributes))
			if len(spans) < 3 {
				require.Equal(t, codes.Error, span.Status.Code)
			}
		}
		require.Len(t, spans, 3)
		require.InDelta(t, 10.0, spans[0][names.AttrRetryWait], 0)
		require.EqualValues(t, 1, spans[0][names.AttrAttempt])
		require.EqualValues(t, 3, spans[2][names.AttrAttempt])
		require.Equal(t, "success", spans[2][names.AttrOutcome])

		records := g.records(names.LogRetried)
		require.Len(t, records, 2)
		requireRecord(t, map[string]any{
			"runner": "shop", "callback": "order.email", "attempt": 1.0, "wait_seconds": 10.0, "duration_seconds": 1.0,
			"error": "451 later", "error.type": "*errors.errorString",
		}, records[0])
	})
}

func TestACallbackThatIsRetriedForHoursHidesNoOthersAndDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = noop.NewTracerProvider() })
		r := g.runner(runner.Config{Workers: 50, Queue: 1000})
		always := runner.RetryBackoff(1_000_000, func(int) time.Duration { return time.Second })
		for range 10 { // a partner is down: ten attempts a second
			require.NoError(t, r.Go(t.Context(), "partner.webhook", fail, always))
		}
		quiet := 0
		const hours = 3
		for range hours { // once an hour a mail is late
			time.Sleep(time.Hour)
			require.NoError(t, r.Go(t.Context(), "order.email", fail, runner.RetryBackoff(2, nil)))
			quiet++
		}
		synctest.Wait()
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)
		written := make(map[any]int)
		for _, record := range g.records(names.LogRetried) {
			written[record["callback"]]++
		}
		require.Equal(t, quiet, written["order.email"])
		require.InDelta(t, hours*3600, written["partner.webhook"], 2, "once a second")
	})
}

// hangsFor ignores its context until the channel is closed.
func hangsFor(release <-chan struct{}) func(context.Context) error {
	return func(context.Context) error { <-release; return nil }
}

func TestAHangingCallbackIsSeenWhileItHangsAndWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Timeout: 2 * time.Second})
		ctx, _, release := g.request(r)
		hang := make(chan struct{})
		require.NoError(t, r.After(ctx, "order.webhook", hangsFor(hang)))
		release(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()

		const stuck = `afterglow_callbacks_stuck{callback="order.webhook",runner="shop"}`
		require.InDelta(t, 1.0, g.series()[stuck], 0)
		record := g.record(slog.LevelError, names.LogStuck)
		require.Contains(t, record["stack"], "hangsFor")
		delete(record, "stack")
		requireRecord(t, map[string]any{"runner": "shop", "callback": "order.webhook", "duration_seconds": 3.0, "timeout_seconds": 2.0}, record)
		require.Empty(t, g.records(names.LogStuckEnded))

		close(hang)
		g.shutdown(r)
		require.InDelta(t, 0.0, g.series()[stuck], 0)
		requireRecord(t, map[string]any{"runner": "shop", "callback": "order.webhook", "duration_seconds": 5.0}, g.record(slog.LevelInfo, names.LogStuckEnded))
		span := g.span("process order.webhook")
		require.Contains(t, attrs(event(t, span, names.EventStuck).Attributes)["code.stacktrace"], "hangsFor")
		require.True(t, hasEvent(span, names.EventDeadline))
	})
}

func TestAnAbandonedCallbackLeavesItsStackAndTheReportItsTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Timeout: time.Second})
		hang := make(chan struct{})
		require.NoError(t, r.Go(context.Background(), "order.webhook", hangsFor(hang)))
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		report, err := r.Shutdown(ctx)
		require.Error(t, err)
		span := g.span("process order.webhook")
		require.Equal(t, span.SpanContext.TraceID().String(), report.Lost[0].TraceID)
		require.Contains(t, attrs(span.Attributes)["code.stacktrace"], "hangsFor")
		require.Contains(t, g.record(slog.LevelWarn, names.LogAbandoned)["stack"], "hangsFor")
		require.InDelta(t, 0.0, g.series()[`afterglow_callbacks_stuck{callback="order.webhook",runner="shop"}`], 0)
		close(hang)
		require.Empty(t, telemetry.TraceID(context.Background()))
	})
}
