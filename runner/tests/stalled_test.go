package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestTheOldestIsTheOneThatWaitsForAWorkerLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.DropOldest, Observers: []runner.Observer{{
			Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
				if info.Name == "slow" {
					time.Sleep(10 * time.Second)
				}
				return nil
			},
		}}})
		occupy(t, r, "busy")
		go func() { _ = r.Go(t.Context(), "slow", nothing) }()
		time.Sleep(5 * time.Second)
		begin := time.Now()
		require.NoError(t, r.Go(t.Context(), "quick", nothing))
		time.Sleep(6 * time.Second)
		require.Equal(t, 2, r.Stats().Queued)
		require.Equal(t, begin, r.Stats().OldestDue)
	})
}

func TestAQueueIsStalledSinceAWorkerLastTookACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 3, Timeout: -1, Overflow: runner.DropOldest, Limits: map[string]int{"limited": 1}})
		stalled := func() time.Duration { return r.Stats().Stalled }
		first, second := newGate(t), newGate(t)
		require.NoError(t, r.Go(t.Context(), "limited", first.wait))
		require.NoError(t, r.Go(t.Context(), "limited", nothing))
		synctest.Wait()
		time.Sleep(time.Minute)
		require.Zero(t, stalled(), "what its limit holds back waits for no worker")
		require.NoError(t, r.Go(t.Context(), "it", nothing))
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, stalled())
		go func() { _ = r.Do(t.Context(), "it", nothing) }()
		for range 5 {
			time.Sleep(time.Second)
			require.NoError(t, r.Go(t.Context(), "it", nothing))
		}
		require.NoError(t, r.Go(t.Context(), "it", second.wait))
		require.Equal(t, 65*time.Second, stalled(), "neither what callers run nor what is dropped moves it")
		first.release()
		synctest.Wait()
		require.Equal(t, 1, r.Stats().Queued)
		require.Zero(t, stalled(), "a worker has just taken one")
		time.Sleep(10 * time.Second)
		require.Equal(t, 10*time.Second, stalled())
		second.release()
		synctest.Wait()
		time.Sleep(time.Minute)
		require.Zero(t, stalled(), "none waits")
		require.Equal(t, stalled(), r.Snapshot().Stalled)
	})
}

func TestTheOldestRunningIsNoneThatIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 3, Queue: 4, Timeout: 10 * time.Second, MaxStuck: 1})
		leaked, deaf, heeds := newGate(t), newGate(t), newGate(t)
		require.NoError(t, r.Go(t.Context(), "leaks", leaked.wait))
		time.Sleep(5 * time.Second)
		begin := time.Now()
		require.NoError(t, r.Go(t.Context(), "leaks", deaf.wait, runner.Timeout(20*time.Second)))
		require.NoError(t, r.Go(t.Context(), "works", heeds.wait, runner.Timeout(-1)))
		go func() { _ = r.Do(t.Context(), "leaks", heeds.wait) }()
		time.Sleep(time.Second)
		require.Equal(t, 2, r.Stats().OnTime, "not the one without a timeout, nor the one that its caller runs")
		time.Sleep(9 * time.Second)
		s := r.Stats()
		require.Equal(t, 1, s.Replaced)
		require.Equal(t, begin, s.OldestRunning)
		require.Equal(t, 1, s.OnTime)
		time.Sleep(time.Minute)
		s = r.Stats()
		require.Equal(t, begin, s.OldestRunning, "it holds its worker, as no other may be replaced")
		require.Zero(t, s.OnTime)
		leaked.release()
		deaf.release()
		heeds.release()
		synctest.Wait()
		require.Zero(t, r.Stats().OnTime)
	})
}
