package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// errors returns afterglow_telemetry_errors_total by signal.
func (g *rig) errors() map[string]float64 {
	s := g.series()
	counts := make(map[string]float64)
	for _, signal := range []string{names.SignalTraces, names.SignalLogs, names.SignalObserver} {
		counts[signal] = s[names.MetricTelemetryErrors+`{signal="`+signal+`"}`]
	}
	return counts
}

func TestARegistererTakesOneTelemetryOnly(t *testing.T) {
	g := newRig(t, nil)
	_, err := telemetry.New(telemetry.Config{Registerer: g.registry})
	require.ErrorContains(t, err, "share that one between the runners")
	require.ErrorAs(t, err, &prometheus.AlreadyRegisteredError{})
	g.scrape(textFormat)
}

func TestAMetricThatIsTakenIsAnError(t *testing.T) {
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: names.MetricWorkers, Help: "Mine."})))
	_, err := telemetry.New(telemetry.Config{Registerer: registry})
	require.ErrorContains(t, err, names.MetricWorkers)
	require.ErrorContains(t, err, "no other collector in it may have a metric afterglow_")
}

func TestARegistererThatAddsALabelOfOursIsAnErrorThatNamesThem(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{}), "a", succeed)
	families, err := g.registry.Gather()
	require.NoError(t, err)
	labels := make(map[string]bool)
	for _, f := range families {
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels[l.GetName()] = true
		}
	}
	require.Len(t, labels, 9)
	for label := range labels {
		wrapped := prometheus.WrapRegistererWith(prometheus.Labels{label: "mine"}, prometheus.NewRegistry())
		_, err := telemetry.New(telemetry.Config{Registerer: wrapped})
		require.ErrorContains(t, err, "duplicate label names", label)
		_, advice, _ := strings.Cut(err.Error(), "may add no label of the names ")
		require.Contains(t, strings.Split(strings.Split(advice, ", and no other")[0], ", "), label)
	}
}

func TestNewNamesEveryFieldItCannotUse(t *testing.T) {
	_, err := telemetry.New(telemetry.Config{
		Registerer:     prometheus.NewRegistry(),
		Relation:       7,
		FlightRecorder: new(telemetry.FlightRecorder),
	})
	for _, field := range []string{"Config.Relation is Relation(7)", "Config.FlightRecorder"} {
		require.ErrorContains(t, err, field)
	}
	require.Equal(t, "Link", telemetry.Link.String())
	require.Equal(t, "Child", telemetry.Child.String())
}

func TestTheZeroConfigUsesWhatTheProcessHasSetGlobally(t *testing.T) {
	registerer, logger := prometheus.DefaultRegisterer, slog.Default()
	t.Cleanup(func() {
		prometheus.DefaultRegisterer = registerer
		slog.SetDefault(logger)
	})
	g := newRig(t, nil)
	g.registry = prometheus.NewRegistry()
	prometheus.DefaultRegisterer = g.registry
	slog.SetDefault(slog.New(slog.NewJSONHandler(g.logs, nil)))
	otel.SetTracerProvider(g.provider)
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	tel, err := telemetry.New(telemetry.Config{})
	require.NoError(t, err)
	g.tel = tel

	g.run(g.runner(runner.Config{}), "a", func(context.Context) error { return errors.New("no") })
	g.span("process a")
	g.record(slog.LevelError, names.LogFailed)
	require.InDelta(t, 1, g.series()[`afterglow_asked_total{callback="a",runner="default"}`], 0)
}

func TestBucketsCanBeChosenAndAreCopied(t *testing.T) {
	durations, waits := []time.Duration{7 * time.Second}, []time.Duration{8 * time.Second}
	g := newRig(t, nil)
	r := g.runner(runner.Config{DurationBuckets: durations, WaitBuckets: waits})
	durations[0], waits[0] = 70*time.Second, 80*time.Second
	g.run(r, "a", succeed) // the first of its runner and of its name
	s := g.series()
	require.Contains(t, s, `afterglow_callback_duration_seconds_bucket{callback="a",result="success",runner="default",le="7"}`)
	require.Contains(t, s, `afterglow_queue_wait_seconds_bucket{runner="default",le="8"}`)
	require.Contains(t, s, `afterglow_response_delay_seconds_bucket{runner="default",le="8"}`)
}

func TestTwoRunnersShareATelemetry(t *testing.T) {
	g := newRig(t, nil)
	web, cron := g.runner(runner.Config{Name: "web", Workers: 1}), g.runner(runner.Config{Name: "cron", Workers: 2})
	require.NoError(t, web.Go(t.Context(), "a", succeed))
	require.NoError(t, cron.Go(t.Context(), "a", succeed))
	require.NoError(t, cron.Go(t.Context(), "a", succeed))
	g.shutdown(web)
	g.shutdown(cron)
	s := g.series()
	for name, n := range map[string]float64{"web": 1, "cron": 2} {
		require.InDelta(t, n, s[`afterglow_workers{runner="`+name+`"}`], 0)
		require.InDelta(t, n, s[`afterglow_callbacks_total{callback="a",outcome="success",runner="`+name+`"}`], 0)
		require.InDelta(t, n, s[`afterglow_queue_wait_seconds_count{runner="`+name+`"}`], 0)
	}
}

func TestTwoTelemetriesObserveOneRunner(t *testing.T) {
	a, b := newRig(t, nil), newRig(t, func(cfg *telemetry.Config) { cfg.Relation = telemetry.Child })
	r, err := runner.New(runner.Config{Observers: []runner.Observer{a.tel.Observer(), b.tel.Observer()}})
	require.NoError(t, err)
	require.NoError(t, r.Go(t.Context(), "a", succeed))
	a.shutdown(r)
	spanA, spanB := a.span("process a"), b.span("process a")
	require.Equal(t, spanA.SpanContext.SpanID(), spanB.Parent.SpanID())
	require.NotEqual(t, spanA.SpanContext.SpanID(), spanB.SpanContext.SpanID())
}

// brokenTracer panics where the span of the callback "bad" would start.
type brokenTracer struct{ trace.Tracer }

func (b brokenTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if name == "process bad" {
		panic("no span")
	}
	return b.Tracer.Start(ctx, name, options...)
}

type brokenProvider struct{ trace.TracerProvider }

func (b brokenProvider) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return brokenTracer{b.TracerProvider.Tracer(name, options...)}
}

// brokenHandler panics at each record.
type brokenHandler struct{ slog.Handler }

func (brokenHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (brokenHandler) Handle(context.Context, slog.Record) error { panic("no record") }

func TestABrokenSignalIsCountedAndDoesNotStopTheOthers(t *testing.T) {
	t.Run("logs", func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.Logger = slog.New(brokenHandler{}) })
		g.run(g.runner(runner.Config{}), "a", func(context.Context) error { return errors.New("no") })
		require.Equal(t, "error", attrs(g.span("process a").Attributes)["afterglow.outcome"])
		require.InDelta(t, 1, g.series()[`afterglow_callbacks_total{callback="a",outcome="error",runner="default"}`], 0)
		require.Equal(t, map[string]float64{"traces": 0, "logs": 3, "observer": 0}, g.errors(), "failed, drain started, drain finished")
	})
	t.Run("traces", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = brokenProvider{cfg.TracerProvider} })
			r := g.runner(runner.Config{})
			ctx, request, release := g.request(r)
			require.NoError(t, r.After(ctx, "good", func(ctx context.Context) error {
				err := r.Go(ctx, "bad", func(context.Context) error { return errors.New("no") })
				<-time.After(time.Second)
				return err
			}))
			release(nil)
			synctest.Wait()
			g.shutdown(r)
			require.Equal(t, request.SpanContext().TraceID().String(), g.record(slog.LevelError, names.LogFailed)["request.trace_id"])
			require.InDelta(t, 1, g.series()[`afterglow_callbacks_total{callback="bad",outcome="error",runner="default"}`], 0)
			require.Equal(t, map[string]float64{"traces": 1, "logs": 0, "observer": 0}, g.errors())

			good := g.span("process good")
			require.Equal(t, "success", attrs(good.Attributes)["afterglow.outcome"], "the end of the other one is not its own")
			require.Equal(t, time.Second, good.EndTime.Sub(good.StartTime))
		})
	})
}

// forgetfulTracer returns no context, or no span either.
type forgetfulTracer struct {
	trace.Tracer
	spanless bool
}

func (f forgetfulTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if f.spanless {
		return nil, nil
	}
	_, span := f.Tracer.Start(ctx, name, options...)
	return nil, span
}

type forgetfulProvider struct {
	trace.TracerProvider
	spanless bool
}

func (f forgetfulProvider) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return forgetfulTracer{f.TracerProvider.Tracer(name, options...), f.spanless}
}

func TestATracerThatReturnsNoContextCostsNoCallbackItsOwn(t *testing.T) {
	type key struct{}
	for _, spanless := range []bool{false, true} {
		g := newRig(t, func(cfg *telemetry.Config) {
			cfg.AskSpans = true
			cfg.TracerProvider = forgetfulProvider{cfg.TracerProvider, spanless}
		})
		r := g.runner(runner.Config{})
		var value any
		var current trace.SpanContext
		require.NoError(t, r.Go(context.WithValue(t.Context(), key{}, "kept"), "a", func(ctx context.Context) error {
			value, current = ctx.Value(key{}), trace.SpanContextFromContext(ctx)
			return nil
		}))
		g.shutdown(r)
		require.Equal(t, "kept", value)
		if !spanless {
			require.Equal(t, g.span("process a").SpanContext.SpanID(), current.SpanID())
		}
		for signal, n := range g.errors() {
			require.Zero(t, n, signal)
		}
	}
}

// sampledNowhere says that a span is sampled whose ids are none.
type sampledNowhere struct{ noop.Span }

func (sampledNowhere) SpanContext() trace.SpanContext {
	return trace.SpanContext{}.WithTraceFlags(trace.FlagsSampled)
}

type nowhereTracer struct{ trace.Tracer }

func (nowhereTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	return ctx, sampledNowhere{}
}

type nowhereProvider struct{ trace.TracerProvider }

func (nowhereProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return nowhereTracer{} }

func TestASpanWithoutIdsLeavesNoExemplar(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = nowhereProvider{} })
	g.run(g.runner(runner.Config{}), "a", succeed)
	require.NotContains(t, g.scrape(openMetrics), "# {")
}
