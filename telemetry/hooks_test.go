package telemetry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// calls counts the calls of an observer's functions, by name.
type calls struct {
	mu sync.Mutex
	of map[string]int // guarded by mu
}

// observe returns o with each of its functions counted.
func (c *calls) observe(o runner.Observer) runner.Observer {
	v := reflect.ValueOf(&o).Elem()
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		if field.Kind() != reflect.Func || field.IsNil() {
			continue
		}
		function := reflect.ValueOf(field.Interface())
		field.Set(reflect.MakeFunc(function.Type(), func(args []reflect.Value) []reflect.Value {
			c.mu.Lock()
			c.of[name]++
			c.mu.Unlock()
			return function.Call(args)
		}))
	}
	return o
}

// take returns the counts until now, and forgets them.
func (c *calls) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.of
	c.of = make(map[string]int)
	return taken
}

// hooksOf names the functions of an observer.
func hooksOf(o runner.Observer) (hooks []string) {
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Func && !f.IsNil() {
			hooks = append(hooks, v.Type().Field(i).Name)
		}
	}
	return hooks
}

func TestAnObserverHasOnlyTheFunctionsThatItNeeds(t *testing.T) {
	always := []string{"DrainFinished", "DrainStarted", "Folded", "Opened", "Rejected", "Retried", "StartedLate", "Stuck", "TraceID"}
	silent := slog.New(slog.DiscardHandler)
	info := slog.New(slog.NewJSONHandler(io.Discard, nil))                                           //nolint:sloglint // its level is what matters
	debug := slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})) //nolint:sloglint // likewise
	recorder, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	defer recorder.Stop()

	for _, c := range []struct {
		name    string
		change  func(*telemetry.Config)
		more    []string       // functions, besides those that there always are
		success map[string]int // which of them four successes call, and how often
	}{
		{"no-op tracer, info", func(cfg *telemetry.Config) { cfg.TracerProvider, cfg.Logger = noop.NewTracerProvider(), info }, []string{"Failed"}, map[string]int{}},
		{"no-op tracer, no logs", func(cfg *telemetry.Config) { cfg.TracerProvider, cfg.Logger = noop.NewTracerProvider(), silent }, []string{"Failed"}, map[string]int{}},
		{
			"no-op tracer, debug", func(cfg *telemetry.Config) { cfg.TracerProvider, cfg.Logger = noop.NewTracerProvider(), debug },
			[]string{"Finished"}, map[string]int{"Finished": 4},
		},
		{
			"no-op tracer, flight recorder", func(cfg *telemetry.Config) {
				cfg.TracerProvider, cfg.Logger, cfg.FlightRecorder = noop.NewTracerProvider(), info, recorder
			},
			[]string{"Finished", "Started"}, map[string]int{"Started": 4, "Finished": 4},
		},
		{
			"SDK", func(cfg *telemetry.Config) { cfg.Logger = info },
			[]string{"Accepted", "Finished", "Started", "WantsCaller"},
			map[string]int{"WantsCaller": 4, "Accepted": 4, "Started": 4, "Finished": 4},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, c.change)
			o := g.tel.Observer()
			require.ElementsMatch(t, append(slices.Clone(always), c.more...), hooksOf(o))

			seen := &calls{of: make(map[string]int)}
			r, err := runner.New(runner.Config{Observers: []runner.Observer{seen.observe(o)}})
			require.NoError(t, err)
			require.Equal(t, map[string]int{"Opened": 1}, seen.take())
			ctx, release := r.Scope(t.Context())
			require.NoError(t, r.After(ctx, "after", succeed))
			require.NoError(t, r.AfterAll(ctx, runner.Call{Name: "all", Func: succeed}))
			require.NoError(t, r.Go(ctx, "go", succeed))
			release(nil)
			require.NoError(t, r.Do(ctx, "do", succeed))
			require.NoError(t, runner.Wait(ctx))
			require.Eventually(t, func() bool { return r.Stats().Outcomes[runner.OutcomeSuccess] == 4 }, 10*time.Second, time.Millisecond)
			g.shutdown(r)
			got := seen.take()
			maps.DeleteFunc(got, func(name string, _ int) bool { return name == "DrainStarted" || name == "DrainFinished" })
			require.Equal(t, c.success, got)
			require.InDelta(t, 1, g.series()[`afterglow_callbacks_total{callback="go",outcome="success",runner="default"}`], 0, "it is counted all the same")
		})
	}
}

// What Failed is for: the record and its count do not need Finished.
func TestAFailureCallsFailedAloneWhereOnlyThatIsNeeded(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.TracerProvider, cfg.Logger = noop.NewTracerProvider(), slog.New(above{slog.LevelInfo, cfg.Logger.Handler()})
	})
	seen := &calls{of: make(map[string]int)}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{seen.observe(g.tel.Observer())}})
	require.NoError(t, err)
	seen.take()
	require.Error(t, r.Do(t.Context(), "a", func(context.Context) error { return errors.New("no") }))
	require.Equal(t, map[string]int{"Failed": 1}, seen.take())
	require.Len(t, g.records("callback failed"), 1)
	g.shutdown(r)
}
