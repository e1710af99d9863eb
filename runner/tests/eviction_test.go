package tests

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A worker becomes free, and with it a share of the limit. The callback that was held
// joins a queue that is full for a moment.
func TestAHeldCallbackEvictsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.DropOldest, Limits: map[string]int{"limited": 1}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "limited", g.wait))
		<-g.entered
		require.NoError(t, r.Go(t.Context(), "limited", nothing)) // held
		require.NoError(t, r.Go(t.Context(), "other", nothing))
		require.NoError(t, r.Go(t.Context(), "other", nothing))
		require.Zero(t, r.Stats().Outcomes[runner.OutcomeDropped])
		g.release()
		synctest.Wait()
		require.Zero(t, r.Stats().Outcomes[runner.OutcomeDropped], "nothing new has become due")
		require.Equal(t, uint64(4), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

// The end of what is evicted frees a share of its limit, and the next one of its name
// takes the place in the queue. That is no reason to evict another one, or the newcomer.
func TestAnArrivalEvictsOneAtMost(t *testing.T) {
	for name, asked := range map[string]int{"a few": 12, "thousands": 4000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dropped []string
				cfg := runner.Config{Workers: 1, Queue: 1024, Overflow: runner.DropOldest, Limits: map[string]int{"limited": 1024}}
				if asked < cfg.Queue {
					cfg.Queue, cfg.Limits = 4, map[string]int{"limited": 4}
				}
				cfg.Observers = []runner.Observer{{Finished: func(_ context.Context, info runner.FinishedInfo) {
					if info.Outcome == runner.OutcomeDropped {
						dropped = append(dropped, info.Name)
					}
				}}}
				r := newRunner(t, cfg)
				g := occupy(t, r, "busy")
				for range asked {
					require.NoError(t, r.Go(t.Context(), "limited", nothing))
				}
				require.Zero(t, r.Stats().Outcomes[runner.OutcomeDropped])
				require.NoError(t, r.Go(t.Context(), "newcomer", nothing))
				require.Equal(t, []string{"limited"}, dropped)
				g.release()
				synctest.Wait()
				require.Equal(t, []string{"limited"}, dropped, "nor when the worker is free")
			})
		})
	}
}
