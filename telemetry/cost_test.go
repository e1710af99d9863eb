//go:build unix

package telemetry_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

const (
	costRounds = 15
	costRuns   = 20_000 // in a round
	costAsked  = 50     // callbacks for each span of a request
)

// setup is a way to wire telemetry, or not to.
type setup struct {
	name   string
	flight bool
	tracer trace.Tracer // of the requests
	runner *runner.Runner
	cost   []cost // one of each round
}

// cost of one callback.
type cost struct{ ns, bytes, allocs float64 }

// BenchmarkCost prints what telemetry costs an empty callback, from Go to its
// end, as a table. The setups take turns in an order of chance, so that a noisy
// minute hits all of them; each row is the median of its rounds. Times are those
// of the processor: what the asker, the worker and the garbage collector pay,
// whatever else runs on the machine.
func BenchmarkCost(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or idle ones spin
	sdk := func(s sdktrace.Sampler) *sdktrace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(s))
	}
	silent := slog.New(slog.DiscardHandler)
	debug := slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})) //nolint:sloglint // writing records is what is measured
	sampled := sdk(sdktrace.AlwaysSample())
	setups := []*setup{
		newSetup(b, "nothing", nil),
		newSetup(b, "metrics, no-op tracer, no logs", &telemetry.Config{TracerProvider: noop.NewTracerProvider(), Logger: silent}),
		newSetup(b, "metrics, global tracer without an SDK, no logs", &telemetry.Config{TracerProvider: otel.GetTracerProvider(), Logger: silent}),
		newSetup(b, "SDK, not sampled", &telemetry.Config{TracerProvider: sdk(sdktrace.NeverSample()), Logger: silent}),
		newSetup(b, "SDK, sampled", &telemetry.Config{TracerProvider: sampled, Logger: silent}),
		newSetup(b, "SDK, sampled, ask spans", &telemetry.Config{TracerProvider: sampled, Logger: silent, AskSpans: true}),
		newSetup(b, "SDK, sampled, debug logs", &telemetry.Config{TracerProvider: sampled, Logger: debug}),
		newSetup(b, "SDK, sampled, flight recorder armed", &telemetry.Config{TracerProvider: sampled, Logger: silent}),
	}
	setups[len(setups)-1].flight = true
	rounds := func() {
		for round := range costRounds + 1 {
			for _, i := range rand.Perm(len(setups)) {
				c := setups[i].round(b)
				if round > 0 { // the first one warms up
					setups[i].cost = append(setups[i].cost, c)
				}
			}
		}
	}
	for b.Loop() {
		rounds()
	}
	fmt.Fprint(os.Stderr, table(setups))
	for _, s := range setups {
		_, err := s.runner.Shutdown(context.Background())
		require.NoError(b, err)
	}
}

func newSetup(b *testing.B, name string, cfg *telemetry.Config) *setup {
	s := &setup{name: name, tracer: noop.NewTracerProvider().Tracer("server")}
	rc := runner.Config{Workers: 4, Overflow: runner.Block(time.Minute)}
	if cfg != nil {
		g := newRig(b, func(c *telemetry.Config) {
			cfg.Registerer = c.Registerer
			*c = *cfg
		})
		s.tracer = cfg.TracerProvider.Tracer("server")
		rc.Observers = []runner.Observer{g.tel.Observer()}
	}
	var err error
	s.runner, err = runner.New(rc)
	require.NoError(b, err)
	return s
}

// round measures some thousand callbacks.
func (s *setup) round(b *testing.B) cost {
	if s.flight {
		recorder, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: b.TempDir()})
		require.NoError(b, err)
		defer recorder.Stop()
	}
	runtime.GC()
	done := make(chan struct{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := processorTime(b)
	ctx, request := s.tracer.Start(b.Context(), "POST /orders")
	for i := range costRuns {
		if i%costAsked == 0 {
			request.End()
			ctx, request = s.tracer.Start(b.Context(), "POST /orders")
		}
		if err := s.runner.Go(ctx, "order.email", succeed); err != nil {
			b.Fatal(err)
		}
	}
	request.End()
	// The last one to be taken from the queue: few others still run.
	require.NoError(b, s.runner.Go(b.Context(), "last", func(context.Context) error { close(done); return nil }))
	<-done
	ran := processorTime(b) - start
	runtime.ReadMemStats(&after)
	return cost{
		ns:     float64(ran.Nanoseconds()) / costRuns,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / costRuns,
		allocs: float64(after.Mallocs-before.Mallocs) / costRuns,
	}
}

// processorTime is what this process has used until now.
func processorTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// median of each figure.
func median(all []cost) cost {
	of := func(figure func(cost) float64) float64 {
		var figures []float64
		for _, c := range all {
			figures = append(figures, figure(c))
		}
		slices.Sort(figures)
		return figures[len(figures)/2]
	}
	return cost{
		ns:     of(func(c cost) float64 { return c.ns }),
		bytes:  of(func(c cost) float64 { return c.bytes }),
		allocs: of(func(c cost) float64 { return c.allocs }),
	}
}

func table(setups []*setup) string {
	var t strings.Builder
	t.WriteString("\n| setup | ns | ratio | B | allocs |\n| --- | ---: | ---: | ---: | ---: |\n")
	first := median(setups[0].cost)
	for _, s := range setups {
		c := median(s.cost)
		fmt.Fprintf(&t, "| %s | %.0f | %.2f | %.0f | %.1f |\n", s.name, c.ns, c.ns/first.ns, c.bytes, c.allocs)
	}
	return t.String()
}

// BenchmarkLabels is what the runner's pprof labels cost a callback. It sets
// them always, so that this is a part of every row of BenchmarkCost.
func BenchmarkLabels(b *testing.B) {
	labeled := pprof.WithLabels(b.Context(), pprof.Labels("afterglow.runner", "default", "afterglow.callback", "order.email", "afterglow.worker", "1"))
	b.ReportAllocs()
	for b.Loop() {
		pprof.SetGoroutineLabels(labeled)
		pprof.SetGoroutineLabels(b.Context())
	}
}
