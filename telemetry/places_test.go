package telemetry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// One callback waits for each of what there is to wait for, or more; the workers are
// busy. A scrape shows how many do, and of how many, each kind apart.
func TestAScrapeShowsWhatCallbacksWaitForAndHowManyMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{
			Name: "web", Workers: 2, Queue: 10, MaxReserved: 20, MaxHeld: 30, MaxPaused: 40,
			Limits: map[string]int{"order.pdf": 1},
		})
		free := make(chan struct{})
		busy := func(context.Context) error { <-free; return nil }

		for range 3 { // failed, and tried again after a minute
			require.NoError(t, r.Go(t.Context(), "order.webhook", fail,
				runner.RetryBackoff(2, func(int) time.Duration { return time.Minute })))
		}
		synctest.Wait()
		for range 3 { // one runs, two are held
			require.NoError(t, r.Go(t.Context(), "order.pdf", busy))
		}
		for range 5 { // one runs, four wait for a worker
			require.NoError(t, r.Go(t.Context(), "order.email", busy))
		}
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "visit.log", succeed)) // its response is open

		s := g.gather()
		by := func(metric string) map[string]float64 {
			return s.sum(metric, names.LabelState, names.LabelRunner, "web")
		}
		require.Equal(t, map[string]float64{"queued": 4, "reserved": 1, "held": 2, "paused": 3}, by(names.MetricQueuePlaces))
		require.Equal(t, map[string]float64{"queued": 10, "reserved": 20, "held": 30, "paused": 40}, by(names.MetricQueuePlacesLimit))
		require.Equal(t, map[string]float64{"web": 4}, s.sum(names.MetricQueueDepth, names.LabelRunner), "the depth is of the queue alone")

		release(nil)
		close(free)
		g.shutdown(r)
		require.Equal(t, map[string]float64{"queued": 0, "reserved": 0, "held": 0, "paused": 0},
			g.gather().sum(names.MetricQueuePlaces, names.LabelState))
	})
}

// rejectsAside has a runner reject a callback for lack of each kind of places but the
// queue's. It is called in a bubble only. end lets the callbacks end.
func rejectsAside(t *testing.T, g *rig) (r *runner.Runner, end func()) {
	r = g.runner(runner.Config{
		Name: "aside", Workers: 2, Queue: 10, MaxReserved: 2, MaxHeld: 2, MaxPaused: 2,
		Limits: map[string]int{"order.pdf": 1},
	})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "visit.log", succeed))
	require.ErrorIs(t, r.After(ctx, "visit.log", succeed), runner.ErrReservedFull)

	later := runner.RetryBackoff(2, func(int) time.Duration { return time.Minute })
	require.NoError(t, r.Go(t.Context(), "order.webhook", fail, later))
	synctest.Wait()
	require.ErrorIs(t, r.Go(t.Context(), "order.webhook", fail, later), runner.ErrPausedFull)

	free := make(chan struct{})
	busy := func(context.Context) error { <-free; return nil }
	require.NoError(t, r.Go(t.Context(), "order.pdf", busy))
	require.NoError(t, r.Go(t.Context(), "order.pdf", busy))
	require.ErrorIs(t, r.Go(t.Context(), "order.pdf", busy), runner.ErrHeldFull)
	return r, func() { release(nil); close(free) }
}

func TestTheReasonOfARejectionSaysWhichKindOfPlacesIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r, end := rejectsAside(t, g)
		rejected := g.gather().sum(names.MetricRejected, names.LabelReason)
		for reason, n := range map[string]float64{"reserved_full": 1, "paused_full": 1, "held_full": 1, "queue_full": 0} {
			require.InDelta(t, n, rejected[reason], 0, reason)
		}
		end()
		g.shutdown(r)
	})
}
