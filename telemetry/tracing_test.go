package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestACallbackIsTheRootOfItsOwnTraceLinkedToTheRequest(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Name: "shop"})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	release()
	g.shutdown(r)

	span := g.span("process order.email")
	require.Equal(t, trace.SpanKindConsumer, span.SpanKind)
	require.False(t, span.Parent.IsValid())
	require.NotEqual(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
	require.Len(t, span.Links, 1)
	require.Equal(t, request.SpanContext(), span.Links[0].SpanContext)
	require.Equal(t, telemetry.ScopeName, span.InstrumentationScope.Name)
	require.NotEmpty(t, span.InstrumentationScope.Version)
	require.Equal(t, codes.Unset, span.Status.Code)
	require.Empty(t, span.Events)
}

func TestAChildIsInTheTraceOfTheRequest(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.Relation = telemetry.Child })
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	release()
	g.shutdown(r)

	span := g.span("process order.email")
	require.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID())
	require.Equal(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
	require.Empty(t, span.Links)
}

func TestACallbackWithoutARequestHasNoLinkAndTellsNothingOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		g.run(g.runner(runner.Config{Timeout: -1}), "cron", succeed)
		span := g.span("process cron")
		require.Empty(t, span.Links)
		require.Equal(t, map[string]any{
			"afterglow.runner": "default", "afterglow.callback.name": "cron",
			"afterglow.outcome": "success", "afterglow.queue.wait": 0.0,
		}, attrs(span.Attributes))
	})
}

func TestANestedCallbackIsLinkedToTheOneThatAskedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		ctx, request, release := g.request(r)
		require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
			return r.After(ctx, "inner", func(context.Context) error { return errors.New("no") })
		}))
		release()
		synctest.Wait()
		g.shutdown(r)

		outer, inner := g.span("process outer"), g.span("process inner")
		require.Equal(t, outer.SpanContext, inner.Links[0].SpanContext)
		require.True(t, hasEvent(outer, telemetry.EventScheduled))
		record := g.record(slog.LevelError, telemetry.LogFailed)
		require.Equal(t, inner.SpanContext.TraceID().String(), record["trace_id"])
		require.Equal(t, request.SpanContext().TraceID().String(), record["request.trace_id"], "that of the request, not of the callback between")
	})
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
		}, attrs(span.Attributes))
		require.Equal(t, asked.Add(2030*time.Millisecond), span.StartTime.Local())
		require.Equal(t, time.Second, span.EndTime.Sub(span.StartTime))
	})
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

func TestTheRequestsSpanNamesWhatItAskedFor(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Name: "shop", Queue: 1})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	require.Error(t, r.After(ctx, "order.webhook", succeed))
	release()
	g.shutdown(r)

	request := g.span("POST /api/orders")
	require.Len(t, request.Events, 2)
	require.Equal(t, map[string]any{"afterglow.runner": "shop", "afterglow.callback.name": "order.email"},
		attrs(event(t, request, telemetry.EventScheduled).Attributes))
	require.Equal(t, map[string]any{"afterglow.runner": "shop", "afterglow.callback.name": "order.webhook", "afterglow.reason": "queue_full"},
		attrs(event(t, request, telemetry.EventRejected).Attributes))
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

type mailError struct{}

func (*mailError) Error() string { return "mailbox full" }

func TestAFailureIsOnTheSpan(t *testing.T) {
	for _, c := range []struct {
		name                     string
		fn                       func(context.Context) error
		outcome, errorType       string
		exception, message, text string
		stack                    bool
	}{
		{
			name:    "an error",
			fn:      func(context.Context) error { return fmt.Errorf("sending: %w", &mailError{}) },
			outcome: "error", errorType: "*telemetry_test.mailError",
			exception: "*fmt.wrapError", message: "sending: mailbox full", text: "sending: mailbox full",
		},
		{
			name:    "a panic",
			fn:      func(context.Context) error { panic(&mailError{}) },
			outcome: "panic", errorType: "panic",
			exception: "*telemetry_test.mailError", message: "mailbox full", text: "runner: callback panicked: mailbox full", stack: true,
		},
		{
			name: "Goexit",
			fn: func(context.Context) error {
				runtime.Goexit()
				return nil
			},
			outcome: "error", errorType: "goexit",
			exception: "*errors.errorString", message: runner.ErrGoexit.Error(), text: runner.ErrGoexit.Error(),
		},
		{
			name:    "a timeout",
			fn:      hang,
			outcome: "timeout", errorType: "timeout",
			exception: "*fmt.wrapError", message: runner.ErrTimeout.Error(), text: runner.ErrTimeout.Error(),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, nil)
				g.run(g.runner(runner.Config{}), "a", c.fn)
				span := g.span("process a")
				require.Equal(t, codes.Error, span.Status.Code)
				require.Equal(t, c.text, span.Status.Description)
				require.Equal(t, c.outcome, attrs(span.Attributes)["afterglow.outcome"])
				require.Equal(t, c.errorType, attrs(span.Attributes)["error.type"])
				thrown := attrs(event(t, span, "exception").Attributes)
				require.Equal(t, c.exception, thrown["exception.type"])
				require.Equal(t, c.message, thrown["exception.message"])
				if !c.stack {
					require.NotContains(t, thrown, "exception.stacktrace")
					return
				}
				stack := thrown["exception.stacktrace"].(string)
				require.True(t, strings.HasPrefix(stack, "github.com/afterglow-go/afterglow/telemetry_test.TestAFailureIsOnTheSpan"), stack)
				require.Contains(t, stack, "tracing_test.go:")
				require.NotContains(t, stack, "afterglow/runner.", "the frames that called the callback say nothing")
				require.NotContains(t, stack, "debug.Stack")
			})
		})
	}
}

func TestTheDeadlineIsAnEventAtItsMomentIfTheCallbackRanPastIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Timeout: time.Second})
		require.NoError(t, r.Go(t.Context(), "deaf", takes(3*time.Second)))
		require.NoError(t, r.Go(t.Context(), "quick", takes(time.Second/2)))
		g.shutdown(r)
		deaf := g.span("process deaf")
		require.Equal(t, deaf.StartTime.Add(time.Second), event(t, deaf, telemetry.EventDeadline).Time)
		require.Equal(t, codes.Unset, deaf.Status.Code, "it succeeded all the same")
		require.False(t, hasEvent(g.span("process quick"), telemetry.EventDeadline))
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
		release()
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
		require.Len(t, g.exporter.GetSpans(), 2, "the request and the one that started")
		time.Sleep(time.Hour)
		require.Len(t, g.exporter.GetSpans(), 2)
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

type hostile struct{}

func (hostile) Error() string     { return "\xff\xfe" + strings.Repeat("é\n\x00", 1<<20) }
func (hostile) ErrorType() string { return strings.Repeat("type", 1<<20) }

type treacherous struct{}

func (treacherous) Error() string     { panic("in Error") }
func (treacherous) ErrorType() string { panic("in ErrorType") }
func (treacherous) Is(error) bool     { panic("in Is") }

func TestHostileTextsStayBounded(t *testing.T) {
	for name, fn := range map[string]func(context.Context) error{
		"error":       func(context.Context) error { return hostile{} },
		"panic":       func(context.Context) error { panic(hostile{}) },
		"treacherous": func(context.Context) error { return treacherous{} },
		"deep":        func(context.Context) error { return deep(200) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			g.run(g.runner(runner.Config{}), "a", fn)
			span := g.span("process a")
			require.Equal(t, codes.Error, span.Status.Code)
			check := func(s string, limit int) {
				require.LessOrEqual(t, len(s), limit)
				require.True(t, utf8.ValidString(s), "%q", s)
			}
			check(span.Status.Description, 256)
			check(attrs(span.Attributes)["error.type"].(string), 128)
			thrown := attrs(event(t, span, "exception").Attributes)
			check(thrown["exception.message"].(string), 1024)
			if stack, ok := thrown["exception.stacktrace"].(string); ok {
				check(stack, 8192)
			}
			require.Less(t, g.logs.buf.Len(), 32<<10)
			require.Len(t, append(g.records(telemetry.LogFailed), g.records(telemetry.LogPanicked)...), 1)
			for signal, n := range g.errors() {
				require.Zero(t, n, signal)
			}
		})
	}
}

func TestACutTextSaysSoAndIsCutBetweenCharacters(t *testing.T) {
	for shift := range 4 {
		g := newRig(t, nil)
		g.run(g.runner(runner.Config{}), "a", func(context.Context) error {
			return errors.New(strings.Repeat("x", shift) + strings.Repeat("€", 1000))
		})
		description := g.span("process a").Status.Description
		require.True(t, strings.HasSuffix(description, "€..."), description)
		require.NotContains(t, description, "\ufffd")
		require.Greater(t, len(description), 240)
	}
}

// deep panics under n frames of the callback's own.
func deep(n int) error {
	if n == 0 {
		panic("deep")
	}
	return errors.Join(deep(n-1), nil)
}

// idleSpan does not record, and counts what it is given all the same.
type idleSpan struct {
	noop.Span
	sc    trace.SpanContext
	given *atomic.Int64
}

func (s idleSpan) SpanContext() trace.SpanContext          { return s.sc }
func (s idleSpan) IsRecording() bool                       { return false }
func (s idleSpan) SetAttributes(...attribute.KeyValue)     { s.given.Add(1) }
func (s idleSpan) AddEvent(string, ...trace.EventOption)   { s.given.Add(1) }
func (s idleSpan) AddLink(trace.Link)                      { s.given.Add(1) }
func (s idleSpan) SetStatus(codes.Code, string)            { s.given.Add(1) }
func (s idleSpan) RecordError(error, ...trace.EventOption) { s.given.Add(1) }
func (s idleSpan) End(...trace.SpanEndOption)              { s.given.Add(1) }

// idleTracer starts idle spans.
type idleTracer struct {
	noop.Tracer
	started, given *atomic.Int64
}

func (t idleTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	id := byte(t.started.Add(1))
	span := idleSpan{given: t.given, sc: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}})}
	return trace.ContextWithSpan(ctx, span), span
}

type idleProvider struct {
	noop.TracerProvider
	tracer idleTracer
}

func (p idleProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return p.tracer }

func TestASpanThatDoesNotRecordIsGivenNothing(t *testing.T) {
	tracer := idleTracer{started: new(atomic.Int64), given: new(atomic.Int64)}
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = idleProvider{tracer: tracer} })
	r := g.runner(runner.Config{Workers: 1})
	request, _ := tracer.Start(t.Context(), "POST /api/orders")
	var seen trace.SpanContext
	require.NoError(t, r.Go(request, "a", func(ctx context.Context) error {
		seen = trace.SpanContextFromContext(ctx)
		return errors.New("no")
	}, runner.Timeout(time.Hour)))
	require.NoError(t, r.Go(request, "b", func(context.Context) error { panic("no") }))
	g.shutdown(r)
	require.ErrorIs(t, r.Go(request, "c", succeed), runner.ErrClosed)

	require.EqualValues(t, 3, tracer.started.Load(), "the request's, and one of each callback that ran")
	require.Zero(t, tracer.given.Load())
	require.Equal(t, seen.TraceID().String(), g.record(slog.LevelError, telemetry.LogFailed)["trace_id"], "the record can still be found by what the callback called")
}
