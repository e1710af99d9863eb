package telemetry_test

import (
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// departing ends the goroutine that asks for its text.
type departing struct{}

func (departing) Error() string {
	runtime.Goexit()
	return ""
}

// departingHandler does so at each record.
type departingHandler struct{ slog.Handler }

func (departingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (departingHandler) Handle(context.Context, slog.Record) error {
	runtime.Goexit()
	return nil
}

// departingOver does so at records with one message.
type departingOver struct {
	slog.Handler
	message string
}

func (h departingOver) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == h.message {
		runtime.Goexit()
	}
	return h.Handler.Handle(ctx, r)
}

// departingProcessor does so at the end of each span.
type departingProcessor struct{ sdktrace.SpanProcessor }

func (departingProcessor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (departingProcessor) OnEnd(sdktrace.ReadOnlySpan)                     { runtime.Goexit() }

// onItsOwn calls an observer on a goroutine that may end in it.
func onItsOwn(observe func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		observe()
	}()
	<-done
}

// attempt is what an observer gets of a callback "a" that failed.
func attempt(err error) runner.FinishedInfo {
	now := time.Now()
	return runner.FinishedInfo{
		StartedInfo: runner.StartedInfo{
			Callback: runner.Callback{Runner: "web", Name: "a", Asked: now}, Due: now, Started: now, Attempt: 1,
		},
		Outcome: runner.OutcomeError, Err: err, Finished: now,
	}
}

func TestGoexitInOneSignalIsCountedAndCostsNoOther(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*telemetry.Config)
		err    error
		errors map[string]float64
		spans  int
	}{
		{
			name: "an error", err: departing{}, spans: 1,
			errors: map[string]float64{"traces": 1, "logs": 1, "observer": 0},
		},
		{
			name: "a log handler", err: &mailError{}, spans: 1,
			change: func(cfg *telemetry.Config) { cfg.Logger = slog.New(departingHandler{}) },
			errors: map[string]float64{"traces": 0, "logs": 1, "observer": 0},
		},
		{
			name: "a span processor", err: &mailError{},
			change: func(cfg *telemetry.Config) {
				cfg.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(departingProcessor{}))
			},
			errors: map[string]float64{"traces": 1, "logs": 0, "observer": 0},
		},
	} {
		t.Run(c.name+", finished", func(t *testing.T) {
			g, info := newRig(t, c.change), attempt(c.err)
			ctx := g.tel.Observer().Started(t.Context(), info.StartedInfo)
			onItsOwn(func() { g.tel.Observer().Finished(ctx, info) })
			require.Equal(t, c.errors, g.errors())
			require.Len(t, g.spans("process a"), c.spans)
		})
		t.Run(c.name+", retried", func(t *testing.T) {
			g, info := newRig(t, c.change), attempt(c.err)
			ctx := g.tel.Observer().Started(t.Context(), info.StartedInfo)
			onItsOwn(func() {
				g.tel.Observer().Retried(ctx, runner.RetriedInfo{
					StartedInfo: info.StartedInfo, Outcome: info.Outcome, Err: info.Err, Finished: info.Finished,
				})
			})
			require.Equal(t, c.errors, g.errors())
			require.Len(t, g.spans("process a"), c.spans)
		})
	}
}

func TestARelationForThatDoesNotReturnLeavesTheRelationOfTheConfig(t *testing.T) {
	var asked atomic.Int32
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.Relation = telemetry.Child
		cfg.RelationFor = func(string, string) telemetry.Relation {
			asked.Add(1)
			runtime.Goexit()
			return telemetry.Link
		}
	})
	onItsOwn(func() { g.tel.Observer().Started(t.Context(), attempt(nil).StartedInfo) })
	require.InDelta(t, 1, g.errors()[names.SignalTraces], 0)

	r := g.runner(runner.Config{Name: "web"})
	ctx, request, release := g.request(r)
	release(nil)
	require.NoError(t, r.Go(ctx, "a", succeed))
	g.shutdown(r)
	require.Equal(t, request.SpanContext().SpanID(), g.span("process a").Parent.SpanID())
	require.InDelta(t, 1, g.errors()[names.SignalTraces], 0)
	require.EqualValues(t, 1, asked.Load())
}
