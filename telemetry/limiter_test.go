package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func fail(context.Context) error { return errors.New("no") }

// sumSuppressed adds up what records say was left out before them.
func sumSuppressed(records []map[string]any) (n int) {
	for _, r := range records {
		if v, ok := r["suppressed"]; ok {
			n += int(v.(float64))
		}
	}
	return n
}

// leftOut is how many records of one kind a drain has told of.
func (g *rig) leftOut(kind string) (n int) {
	for _, record := range g.records(names.LogSuppressed) {
		for _, told := range record["suppressed_records"].([]any) {
			if count, of, _ := strings.Cut(told.(string), " x "); of == kind {
				one, err := strconv.Atoi(count)
				require.NoError(g.t, err)
				n += one
			}
		}
	}
	return n
}

func TestFailuresAreWrittenTenASecondAndTheNextSaysHowManyWereLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		for range 1000 { // ten seconds of a hundred a second
			require.NoError(t, r.Go(t.Context(), "a", fail))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		require.NoError(t, r.Go(t.Context(), "a", fail))
		synctest.Wait()
		records := g.records(names.LogFailed)
		require.InDelta(t, 110, len(records), 1, "ten at once, and ten in each second")
		for _, first := range records[:10] {
			require.NotContains(t, first, "suppressed")
		}
		require.Equal(t, 1001, len(records)+sumSuppressed(records))
		g.shutdown(r)
		require.Empty(t, g.records(names.LogSuppressed), "everything has been told")
	})
}

func TestTheRateOfFailureRecordsCanBeChosenAndTheLimitLifted(t *testing.T) {
	for rate, want := range map[int]int{1: 1, 50: 50, -1: 200} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, func(cfg *telemetry.Config) { cfg.LogRate = rate })
			r := g.runner(runner.Config{Workers: 1})
			for range 200 {
				require.NoError(t, r.Go(t.Context(), "a", fail))
			}
			g.shutdown(r)
			require.Len(t, g.records(names.LogFailed), want, "rate %d", rate)
			require.Equal(t, 200-want, g.leftOut("a: callback failed"))
		})
	}
}

func TestANoisyCallbackHidesNoOtherAndErrorsHideNoPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		web, cron := g.runner(runner.Config{Name: "web", Workers: 1}), g.runner(runner.Config{Name: "cron"})
		for range 500 {
			require.NoError(t, web.Go(t.Context(), "noisy", fail))
		}
		require.NoError(t, web.Go(t.Context(), "quiet", fail))
		require.NoError(t, web.Go(t.Context(), "noisy", func(context.Context) error { panic("no") }))
		require.NoError(t, cron.Go(t.Context(), "noisy", fail))
		synctest.Wait()
		var quiet, elsewhere int
		for _, record := range g.records(names.LogFailed) {
			if record["callback"] == "quiet" {
				quiet++
			}
			if record["runner"] == "cron" {
				elsewhere++
			}
		}
		require.Equal(t, 1, quiet)
		require.Equal(t, 1, elsewhere)
		require.Equal(t, "noisy", g.record(slog.LevelError, names.LogPanicked)["callback"])
		g.shutdown(web)
		g.shutdown(cron)
	})
}

func TestFoldedNamesShareOneLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Queue: 2000, MaxNames: 1})
		for i := range 1000 {
			require.NoError(t, r.Go(t.Context(), fmt.Sprintf("callback.%d", i), fail))
		}
		g.shutdown(r)
		require.Len(t, g.records(names.LogFailed), 11, "one of the name that is kept, ten of all others")
		record := g.record(slog.LevelError, names.LogSuppressed)
		require.Equal(t, []any{"989 x other: callback failed"}, record["suppressed_records"])
	})
}

func TestRetriesAreWrittenOnceASecondForEachName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		for range 5 {
			for _, name := range []string{"noisy", "noisy", "quiet"} {
				require.NoError(t, r.Go(t.Context(), name, fail, runner.RetryBackoff(2, nil)))
			}
		}
		g.shutdown(r)
		written := make(map[any]int)
		for _, record := range g.records(names.LogRetried) {
			written[record["callback"]]++
		}
		require.Equal(t, map[any]int{"noisy": 1, "quiet": 1}, written)
		require.Equal(t, 9, g.leftOut("noisy: "+names.LogRetried))
		require.Equal(t, 4, g.leftOut("quiet: "+names.LogRetried))
	})
}

func TestRecordsOfStuckCallbacksAreLimitedAsFailuresAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.LogRate = 2 })
		r := g.runner(runner.Config{Workers: 5, MaxStuck: 5, Timeout: time.Second})
		hang := make(chan struct{})
		for range 5 {
			require.NoError(t, r.Go(t.Context(), "deaf", hangsFor(hang)))
		}
		time.Sleep(5 * time.Second)
		close(hang)
		g.shutdown(r)
		require.Len(t, g.records(names.LogStuck), 2)
		require.Len(t, g.records(names.LogStuckEnded), 2)
		record := g.record(slog.LevelError, names.LogSuppressed)
		require.Equal(t, []any{"3 x deaf: callback is stuck: it runs on past its deadline", "3 x deaf: callback that was stuck has ended"}, record["suppressed_records"])
	})
}

func TestADrainThatLosesThousandsWritesFewRecordsAndCountsThemAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Workers: 1, Queue: 5000, Timeout: -1})
		require.NoError(t, r.Go(t.Context(), "deaf", takes(time.Hour)))
		synctest.Wait()
		for i := range 5000 {
			require.NoError(t, r.Go(t.Context(), fmt.Sprintf("order.%d", i%2), succeed))
		}
		drain, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(drain)
		require.Error(t, err)

		require.Len(t, g.records(names.LogDropped), 20, "ten of each name")
		require.Len(t, g.records(names.LogAbandoned), 1)
		left := g.record(slog.LevelWarn, names.LogSuppressed)
		for _, key := range []string{"time", "trace_id", "span_id"} { // those of the drain span
			require.Contains(t, left, key)
			delete(left, key)
		}
		require.Equal(t, map[string]any{
			"level": "WARN", "msg": "records were left out", "runner": "shop", "suppressed": 4980.0,
			"suppressed_records": []any{
				"2490 x order.0: callback dropped before it started",
				"2490 x order.1: callback dropped before it started",
			},
		}, left)
		finished := g.record(slog.LevelWarn, names.LogDrainFinished)
		require.InDelta(t, 5001, finished["lost"], 0)
		require.ElementsMatch(t, []any{"1 x deaf abandoned", "2500 x order.0 dropped", "2500 x order.1 dropped"}, finished["lost_callbacks"])
		time.Sleep(time.Hour)
	})
}

func TestWhatWasLeftOutIsToldAtTheHighestLevelOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) {
			handler := cfg.Logger.Handler()
			cfg.Logger = slog.New(above{slog.LevelError, handler})
		})
		r := g.runner(runner.Config{Workers: 1, MaxNames: 30})
		for i := range 330 {
			require.NoError(t, r.Go(t.Context(), fmt.Sprintf("callback.%02d", i%30), fail))
		}
		g.shutdown(r)
		record := g.record(slog.LevelError, names.LogSuppressed)
		require.InDelta(t, 30, record["suppressed"], 0)
		list := record["suppressed_records"].([]any)
		require.Len(t, list, 21)
		require.Equal(t, "1 x callback.00: callback failed", list[0])
		require.Equal(t, "and 10 more kinds", list[20])
	})
}

// above is enabled from its level on.
type above struct {
	level slog.Level
	slog.Handler
}

func (a above) Enabled(_ context.Context, l slog.Level) bool { return l >= a.level }

func TestRejectionsAndLateStartsLeftOutAreToldByTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.LogRate = 1 })
		r := g.runner(runner.Config{Workers: 1, Queue: 2})
		require.NoError(t, r.Go(t.Context(), "busy", takes(2*time.Second)))
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "late", fail))
		require.NoError(t, r.Go(t.Context(), "late", fail))
		for range 3 {
			require.ErrorIs(t, r.Go(t.Context(), "rejected", succeed), runner.ErrQueueFull)
		}
		g.shutdown(r)
		record := g.record(slog.LevelError, names.LogSuppressed) // as one of them is
		require.Equal(t, []any{"2 x callback rejected", "1 x callback started late", "1 x late: callback failed"}, record["suppressed_records"])
	})
}

func TestDebugRecordsAreNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.LogRate = 1 })
		r := g.runner(runner.Config{})
		for range 100 {
			require.NoError(t, r.Go(t.Context(), "a", succeed))
		}
		g.shutdown(r)
		require.Len(t, g.records(names.LogFinished), 100)
	})
}

// Whatever the order that workers come in, each record is written or counted.
func TestNoRecordIsLostWithoutBeingCounted(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.LogRate = 100 })
	r := g.runner(runner.Config{Workers: 8, Queue: 5000})
	const all = 5000
	for range all {
		require.NoError(t, r.Go(t.Context(), "a", fail))
	}
	g.shutdown(r)
	records := g.records(names.LogFailed)
	require.GreaterOrEqual(t, len(records), 100)
	require.Equal(t, all, len(records)+sumSuppressed(records)+g.leftOut("a: callback failed"))
}

// sometimesBroken panics while it is told to.
type sometimesBroken struct {
	slog.Handler
	broken *atomic.Bool
}

func (h sometimesBroken) Handle(ctx context.Context, r slog.Record) error {
	if h.broken.Load() {
		panic("no record")
	}
	return h.Handler.Handle(ctx, r)
}

func TestWhatARecordThatIsNotWrittenWouldHaveToldTheNextOneTells(t *testing.T) {
	for _, atTheEnd := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var broken atomic.Bool
			g := newRig(t, func(cfg *telemetry.Config) {
				cfg.LogRate = 1
				cfg.Logger = slog.New(sometimesBroken{cfg.Logger.Handler(), &broken})
			})
			r := g.runner(runner.Config{Workers: 1})
			for range 100 {
				require.NoError(t, r.Go(t.Context(), "a", fail))
			}
			time.Sleep(2 * time.Second)
			broken.Store(true)
			if atTheEnd {
				g.shutdown(r)
			} else {
				require.NoError(t, r.Go(t.Context(), "a", fail))
			}
			synctest.Wait()
			broken.Store(false)
			time.Sleep(2 * time.Second)

			next := r
			if atTheEnd {
				next = g.runner(runner.Config{Workers: 1})
			}
			require.NoError(t, next.Go(t.Context(), "a", fail))
			g.shutdown(next)
			records := g.records(names.LogFailed)
			require.Len(t, records, 2)
			require.InDelta(t, 99, records[1]["suppressed"], 0)
		})
	}
}
