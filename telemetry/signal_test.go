package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// throwingTracer panics with a value of its own where a process span would start.
type throwingTracer struct {
	trace.Tracer
	value any
}

func (b throwingTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if strings.HasPrefix(name, "process ") {
		panic(b.value)
	}
	return b.Tracer.Start(ctx, name, options...)
}

type throwingProvider struct {
	trace.TracerProvider
	value any
}

func (b throwingProvider) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return throwingTracer{b.TracerProvider.Tracer(name, options...), b.value}
}

func throwing(value any) func(*telemetry.Config) {
	return func(cfg *telemetry.Config) { cfg.TracerProvider = throwingProvider{cfg.TracerProvider, value} }
}

func TestAPanicOfTheTelemetryIsRecordedWithItsTextAndItsPlace(t *testing.T) {
	g := newRig(t, throwing(&mailError{}))
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "a", succeed))
	release(nil)
	g.shutdown(r)
	record := g.record(slog.LevelError, names.LogTelemetryFailed)
	stack := record["exception.stacktrace"].(string)
	require.True(t, strings.HasPrefix(stack, "github.com/afterglow-go/afterglow/telemetry_test.throwingTracer.Start("), stack)
	require.NotContains(t, stack, "afterglow/runner.")
	delete(record, "exception.stacktrace")
	delete(record, "time")
	delete(record, "span_id")
	require.Equal(t, map[string]any{
		"level": "ERROR", "msg": "telemetry failed", "signal": "traces",
		"trace_id":       request.SpanContext().TraceID().String(), // the asker's, as there is no other
		"exception.type": "*telemetry_test.mailError", "exception.message": "mailbox full",
	}, record)
	require.InDelta(t, 1, g.errors()[names.SignalTraces], 0)
}

func TestWhatTheTelemetryPanicsWithIsBoundedAndStaysOneValueOfOneRecord(t *testing.T) {
	for name, value := range map[string]any{
		"forged": forged, "1 MB": strings.Repeat("x", 1<<20), "methods that panic": mute{}, "an error that panics": errors.Join(mute{}),
	} {
		t.Run(name, func(t *testing.T) {
			g, logs := newBoth(t, throwing(value))
			g.run(g.runner(runner.Config{}), "a", succeed)
			require.Equal(t, 3, strings.Count(logs.json.String(), "\n"), "the failure, and the drain's two")
			require.Contains(t, logs.json.String(), names.LogTelemetryFailed)
			require.Less(t, logs.json.Len(), 16<<10)
			requireClean(t, logs.json.String())
			requireClean(t, logs.text.String())
		})
	}
}

func TestFailuresOfTheTelemetryAreRecordedOnceAMinuteForEachSignalAndAllCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) {
			throwing("no span")(cfg)
			cfg.Logger = slog.New(fragile{cfg.Logger.Handler()})
		})
		r := g.runner(runner.Config{Workers: 1})
		ask := func() {
			for range 100 {
				require.NoError(t, r.Go(t.Context(), "log", fail)) // which is what fragile panics over
			}
			synctest.Wait()
		}
		told := func() (signals []any) {
			for _, record := range g.records(names.LogTelemetryFailed) {
				signals = append(signals, record["signal"])
			}
			return signals
		}
		ask()
		time.Sleep(59 * time.Second)
		ask()
		require.Equal(t, []any{"traces", "logs"}, told())
		time.Sleep(2 * time.Second)
		require.NoError(t, r.Go(t.Context(), "log", succeed))
		synctest.Wait()
		require.Equal(t, []any{"traces", "logs", "traces", "logs"}, told())
		g.shutdown(r)

		errs := g.errors()
		require.InDelta(t, 201, errs[names.SignalTraces], 0)
		records := g.records(names.LogTelemetryFailed)
		require.NotContains(t, records[0], "suppressed")
		require.InDelta(t, 199, records[2]["suppressed"], 0)
		require.Equal(t, "no disk", records[1]["exception.message"])
		require.InDelta(t, errs[names.SignalLogs]-2, records[3]["suppressed"], 0)
	})
}

func TestFailuresOfTheTelemetryThatWereLeftOutAreToldByTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) {
			throwing("no span")(cfg)
			cfg.LogRate = 1
		})
		r := g.runner(runner.Config{Workers: 1})
		for range 100 {
			require.NoError(t, r.Go(t.Context(), "a", succeed))
		}
		require.NoError(t, r.Go(t.Context(), "b", fail))
		require.NoError(t, r.Go(t.Context(), "b", fail))
		g.shutdown(r)
		require.Len(t, g.records(names.LogTelemetryFailed), 1)
		record := g.record(slog.LevelError, names.LogSuppressed)
		require.InDelta(t, 102, record["suppressed"], 0)
		require.Equal(t, []any{"101 x telemetry failed: traces", "1 x b: callback failed"}, record["suppressed_records"])

		g.shutdown(g.runner(runner.Config{}))
		require.Len(t, g.records(names.LogSuppressed), 1, "nobody is told twice")
	})
}

// countingBroken panics at each record, and counts those of failed telemetry.
type countingBroken struct {
	brokenHandler
	told *atomic.Int64
}

func (h countingBroken) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == names.LogTelemetryFailed {
		h.told.Add(1)
	}
	return h.brokenHandler.Handle(ctx, r)
}

func TestALoggerThatPanicsIsToldOfItOnceAMinuteAndNotOfThatAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int64
		g := newRig(t, func(cfg *telemetry.Config) {
			cfg.Logger, cfg.LogRate = slog.New(countingBroken{told: &told}), -1
		})
		r := g.runner(runner.Config{Workers: 1})
		for range 50 {
			require.NoError(t, r.Go(t.Context(), "a", fail))
		}
		synctest.Wait()
		require.EqualValues(t, 1, told.Load())
		g.shutdown(r)
		require.EqualValues(t, 1, told.Load())
		require.Equal(t, map[string]float64{"traces": 0, "logs": 50 + 2, "observer": 0}, g.errors(),
			"each end, and the drain's two")
	})
}

func TestAFailureThatIsNoPanicIsToldInWords(t *testing.T) {
	for text, choose := range map[string]func(string, string) telemetry.Relation{
		"Config.RelationFor returned Relation(7): use Link, Child or ChildAndLink": func(string, string) telemetry.Relation { return 7 },
		"runtime.Goexit was called": func(string, string) telemetry.Relation {
			runtime.Goexit()
			return telemetry.Link
		},
	} {
		t.Run(text, func(t *testing.T) {
			g := newRig(t, func(cfg *telemetry.Config) { cfg.RelationFor = choose })
			onItsOwn(func() { g.tel.Observer().Started(t.Context(), attempt(nil).StartedInfo) })
			record := g.record(slog.LevelError, names.LogTelemetryFailed)
			require.Equal(t, text, record["error"])
			require.Equal(t, names.SignalTraces, record["signal"])
			require.InDelta(t, 1, g.errors()[names.SignalTraces], 0)
		})
	}
}
