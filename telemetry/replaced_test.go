package telemetry_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestARunnerIsRefusedTheNameOfALiveOne(t *testing.T) {
	g := newRig(t, nil)
	first := g.runner(runner.Config{Name: "web", Workers: 1})
	cfg := runner.Config{Name: "web", Workers: 2, Observers: []runner.Observer{g.tel.Observer()}}
	_, err := runner.New(cfg)
	require.ErrorContains(t, err, `a runner called "web" is observed already and not shut down: give each runner.Config a Name of its own`)
	require.InDelta(t, 1, g.series()[`afterglow_workers{runner="web"}`], 0)

	g.shutdown(first)
	second, err := runner.New(cfg)
	require.NoError(t, err)
	require.InDelta(t, 2, g.series()[`afterglow_workers{runner="web"}`], 0)
	g.shutdown(second)
}

// The counters and histograms of runners of one name are added, whether the older
// one has ended or not.
func TestTheBooksOfRunnersOfOneNameAreAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		first := g.runner(runner.Config{})
		require.NoError(t, first.Go(t.Context(), "a", succeed))
		require.NoError(t, first.Go(t.Context(), "b", takes(time.Minute)))
		synctest.Wait()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = first.Shutdown(context.Background())
		}()
		synctest.Wait()
		second := g.runner(runner.Config{})
		require.NoError(t, second.Go(t.Context(), "a", succeed))
		require.ErrorIs(t, first.Go(t.Context(), "c", succeed), runner.ErrClosed)
		synctest.Wait()
		for _, c := range []struct {
			when string
			b    float64
		}{{"the first one drains", 0}, {"it has ended", 1}} {
			checkSums(t, g, c.when, c.b)
			<-drained
		}
		g.shutdown(second)
		checkSums(t, g, "both have ended", 1)
	})
}

func checkSums(t *testing.T, g *rig, when string, b float64) {
	t.Helper()
	s := g.series()
	for series, want := range map[string]float64{
		`afterglow_asked_total{callback="a",runner="default"}`:                                      2,
		`afterglow_asked_total{callback="b",runner="default"}`:                                      1,
		`afterglow_callbacks_total{callback="a",outcome="success",runner="default"}`:                2,
		`afterglow_callbacks_total{callback="b",outcome="success",runner="default"}`:                b,
		`afterglow_callback_duration_seconds_count{callback="a",result="success",runner="default"}`: 2,
		`afterglow_callback_duration_seconds_count{callback="b",result="success",runner="default"}`: b,
		`afterglow_queue_wait_seconds_count{runner="default"}`:                                      3,
		`afterglow_rejected_total{reason="closed",runner="default"}`:                                1,
	} {
		require.InDelta(t, want, s[series], 0, "%s: %s", when, series)
	}
}

func TestCountersGoOnWhenARunnerTakesAnothersPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		broken := runner.Observer{Started: func(context.Context, runner.StartedInfo) context.Context { panic("mine") }}
		for i := range 3 {
			r := g.runner(runner.Config{Name: "web", Observers: []runner.Observer{broken}})
			g.run(r, "a", takes(time.Second))
			require.InDelta(t, i+1, g.series()[`afterglow_worker_busy_seconds_total{runner="web"}`], 1e-9)
			require.InDelta(t, i+1, g.errors()[names.SignalObserver], 0)
		}
	})
}

func TestTheBusyTimeOfARunnerThatDrainsWhileAnotherHasItsPlaceIsCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		busy := func() float64 { return g.series()[`afterglow_worker_busy_seconds_total{runner="default"}`] }
		first := g.runner(runner.Config{})
		require.NoError(t, first.Go(t.Context(), "a", takes(10*time.Second)))
		synctest.Wait()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_, _ = first.Shutdown(context.Background())
		}()
		synctest.Wait()

		second := g.runner(runner.Config{})
		require.NoError(t, second.Go(t.Context(), "a", takes(3*time.Second)))
		time.Sleep(4 * time.Second)
		require.InDelta(t, 4+3, busy(), 1e-9, "the first one is still running")
		<-drained
		require.InDelta(t, 10+3, busy(), 1e-9)
		require.InDelta(t, 10+3, busy(), 1e-9, "a scrape changes nothing")
		g.shutdown(second)

		third := g.runner(runner.Config{})
		require.InDelta(t, 10+3, busy(), 1e-9)
		g.shutdown(third)
	})
}

// growing is each value of a scrape that must not fall: of counters, and the counts
// and buckets of histograms.
func (s gathered) growing() map[string]float64 {
	values := make(map[string]float64)
	for name, f := range s {
		for _, m := range f.GetMetric() {
			id := name
			for _, l := range m.GetLabel() {
				id += " " + l.GetValue()
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				values[id] = m.GetCounter().GetValue()
			case dto.MetricType_HISTOGRAM:
				values[id] = float64(m.GetHistogram().GetSampleCount())
				values[id+" sum"] = m.GetHistogram().GetSampleSum()
				for _, b := range m.GetHistogram().GetBucket() {
					values[fmt.Sprint(id, " ", b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			}
		}
	}
	return values
}

// ask asks r for some callbacks, some of which fail.
func (g *rig) ask(r *runner.Runner, callbacks int) {
	for i := range callbacks {
		fn := succeed
		if i%4 == 0 {
			fn = fail
		}
		if err := r.Go(context.Background(), fmt.Sprintf("callback.%d", i%3), fn); err != nil {
			g.t.Error(err)
		}
	}
}

func TestNothingThatIsCountedGoesBackWhileRunnersTakeEachOthersPlace(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.TracerProvider, cfg.Logger = noop.NewTracerProvider(), slog.New(slog.DiscardHandler)
	})
	const generations, each = 40, 60
	var drains sync.WaitGroup
	next := make(chan struct{})
	drains.Go(func() {
		for range next {
			closed := make(chan struct{})
			r := g.runner(runner.Config{Workers: 2, Observers: []runner.Observer{{
				DrainStarted: func(ctx context.Context, _ runner.DrainInfo) context.Context { close(closed); return ctx },
			}}})
			g.ask(r, each)
			drains.Go(func() { _, _ = r.Shutdown(context.Background()) })
			<-closed
		}
	})
	before, moved := g.gather().growing(), 0
	compare := func() {
		now := g.gather().growing()
		for id, n := range before {
			require.GreaterOrEqual(t, now[id], n, id)
		}
		if !maps.Equal(before, now) {
			moved++
		}
		before = now
	}
	for range generations {
		next <- struct{}{} // once the one before has opened
		compare()
	}
	close(next)
	drains.Wait()
	compare()
	require.Greater(t, moved, generations/2)
	s := g.gather()
	require.InDelta(t, generations*each, s.sum(names.MetricCallbacks, names.LabelRunner)["default"], 0)
	require.InDelta(t, generations*each, s.sum(names.MetricCallbackDuration, names.LabelRunner)["default"], 0)
	require.InDelta(t, generations*each, s.sum(names.MetricQueueWait, names.LabelRunner)["default"], 0)
}

// What has been counted of a callback that ended, and what follows its end, are
// two moments.
func TestWhatARunnerCountsAfterItsLastCallbackIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		slow := runner.Observer{Finished: func(context.Context, runner.FinishedInfo) {
			<-time.After(time.Second)
			panic("mine")
		}}
		first := g.runner(runner.Config{Observers: []runner.Observer{slow}})
		require.NoError(t, first.Go(t.Context(), "a", succeed))
		var drains sync.WaitGroup
		drains.Go(func() { _, _ = first.Shutdown(context.Background()) })
		synctest.Wait()
		second := g.runner(runner.Config{})
		require.Zero(t, first.Stats().Pending())
		require.Zero(t, g.errors()[names.SignalObserver])
		drains.Wait()
		require.ErrorIs(t, first.Go(t.Context(), "b", succeed), runner.ErrClosed)
		for range 3 {
			s := g.series()
			require.InDelta(t, 1, g.errors()[names.SignalObserver], 0)
			require.InDelta(t, 1, s[`afterglow_shutdown_duration_seconds{runner="default"}`], 0)
			require.InDelta(t, 1, s[`afterglow_rejected_total{reason="closed",runner="default"}`], 0)
			require.InDelta(t, 1, s[`afterglow_callback_duration_seconds_count{callback="a",result="success",runner="default"}`], 0)
			time.Sleep(2 * time.Minute)
		}
		g.shutdown(second)
	})
}

// of returns the only series of a metric with these labels.
func (s gathered) of(t *testing.T, metric string, with ...string) (found *dto.Metric) {
	t.Helper()
	for _, m := range s[metric].GetMetric() {
		if hasLabels(m, with) {
			require.Nil(t, found, "%s has more than one", metric)
			found = m
		}
	}
	require.NotNil(t, found, metric)
	return found
}

func TestHistogramsOfRunnersWithOtherBucketsAreTheNewersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		began := time.Now()
		seconds := func(all ...time.Duration) (bounds []time.Duration) {
			for _, n := range all {
				bounds = append(bounds, n*time.Second)
			}
			return bounds
		}
		first := g.runner(runner.Config{DurationBuckets: seconds(1, 20), Workers: 1})
		require.NoError(t, first.Go(t.Context(), "a", takes(10*time.Second)))
		require.NoError(t, first.Go(t.Context(), "a", takes(11*time.Second)))
		require.NoError(t, first.Go(t.Context(), "b", takes(12*time.Second)))
		scrape := func(name string) *dto.Histogram {
			s := g.gather()
			m := s.of(t, names.MetricCallbackDuration, names.LabelCallback, name, names.LabelResult, names.ResultSuccess)
			requireValid(t, m.GetHistogram())
			require.True(t, began.Equal(s.of(t, names.MetricAsked, names.LabelCallback, name).GetCounter().GetCreatedTimestamp().AsTime()), "a counter goes on")
			return m.GetHistogram()
		}
		time.Sleep(15 * time.Second) // The first one has ended.
		require.EqualValues(t, 1, scrape("a").GetSampleCount())
		require.NotNil(t, scrape("a").GetBucket()[1].GetExemplar())
		var drains sync.WaitGroup
		drains.Go(func() { _, _ = first.Shutdown(context.Background()) })
		synctest.Wait()

		second := g.runner(runner.Config{DurationBuckets: seconds(2, 3), Names: []string{"a", "b"}})
		for range 2 {
			for _, name := range []string{"a", "b"} {
				h := scrape(name)
				require.Zero(t, h.GetSampleCount(), name)
				require.Len(t, h.GetBucket(), 2)
				require.InDelta(t, 3, h.GetBucket()[1].GetUpperBound(), 0)
			}
			drains.Wait() // Those of the first one end meanwhile, and leave exemplars.
		}
		require.InDelta(t, 2, g.series()[`afterglow_callbacks_total{callback="a",outcome="success",runner="default"}`], 0)
		require.NoError(t, second.Do(t.Context(), "a", takes(2500*time.Millisecond)))
		h := scrape("a")
		require.EqualValues(t, 1, h.GetSampleCount())
		require.InDelta(t, 2.5, h.GetBucket()[1].GetExemplar().GetValue(), 0)
		g.shutdown(second)
	})
}
