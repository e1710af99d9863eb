package tests

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestASnapshotCountsEachNameApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{
			Workers: 5, Queue: 8, Timeout: time.Minute, StuckAfter: time.Second, MaxStuck: 2,
			Limits: map[string]int{"limited": 1},
		})
		begin := time.Now()
		fails := func(context.Context) error { time.Sleep(2 * time.Second); return errBroken }
		g := newGate(t)
		ask := func(name string, fn func(context.Context) error, opts ...runner.Option) {
			t.Helper()
			require.NoError(t, r.Go(t.Context(), name, fn, opts...))
		}
		ask("paused", fails, runner.RetryBackoff(2, every(time.Hour)))
		ask("failed", fails)
		ask("panicked", func(context.Context) error { panic("boom") })
		time.Sleep(3 * time.Second)
		ask("succeeded", func(context.Context) error { time.Sleep(time.Second); return nil })
		time.Sleep(2 * time.Second)
		ask("timed.out", obedient, runner.Timeout(time.Second))
		ask("limited", g.wait, runner.Timeout(-1))
		ask("limited", nothing)
		ask("stuck", g.wait, runner.Timeout(time.Second))
		time.Sleep(5 * time.Second)
		scoped, release := r.Scope(t.Context())
		require.NoError(t, runner.After(scoped, "reserved", nothing))
		for range 4 {
			ask("busy", g.wait, runner.Timeout(-1))
		}
		ask("queued", nothing)
		synctest.Wait()
		for r.Go(t.Context(), "rejected", nothing, runner.Timeout(time.Second)) == nil {
		}

		s := r.Snapshot()
		requireSnapshotBalanced(t, s)
		require.Equal(t, r.Stats(), s.Stats)
		counts := func(name string) runner.CallbackStats { return countsOf(t, s, name) }

		paused := counts("paused")
		require.Equal(t, 1, paused.Paused)
		require.Equal(t, [runner.NumPlaces]int{runner.PlacePaused: 1}, paused.Places)
		require.Equal(t, uint64(1), paused.Retries)
		require.Equal(t, uint64(1), paused.Failure.Count())
		require.Zero(t, paused.LastFailure, "the callback has not failed yet")
		failed := counts("failed")
		require.Equal(t, uint64(1), failed.Outcomes[runner.OutcomeError])
		require.Equal(t, begin.Add(2*time.Second), failed.LastFailure)
		require.Zero(t, failed.LastSuccess)
		require.Equal(t, uint64(2*time.Second), failed.Failure.Sum())
		require.Equal(t, time.Minute, failed.Timeout)
		require.Equal(t, begin, counts("panicked").LastFailure)
		succeeded := counts("succeeded")
		require.Equal(t, begin.Add(4*time.Second), succeeded.LastSuccess)
		require.Zero(t, succeeded.LastFailure)
		require.Equal(t, uint64(time.Second), succeeded.Success.Sum())
		require.Zero(t, succeeded.Failure.Count())
		timedOut := counts("timed.out")
		require.Equal(t, uint64(1), timedOut.Outcomes[runner.OutcomeTimeout])
		require.Equal(t, time.Second, timedOut.Timeout)
		require.Equal(t, begin.Add(6*time.Second), timedOut.LastFailure)
		limited := counts("limited")
		require.Equal(t, 1, limited.Running)
		require.Equal(t, 1, limited.Queued, "it waits for its share")
		require.Equal(t, [runner.NumPlaces]int{runner.PlaceHeld: 1}, limited.Places)
		require.Equal(t, 1, counts("stuck").Stuck)
		require.Equal(t, 1, counts("stuck").Running)
		require.Equal(t, 1, counts("reserved").Reserved)
		require.Equal(t, [runner.NumPlaces]int{runner.PlaceReserved: 1}, counts("reserved").Places)
		require.Equal(t, [runner.NumPlaces]runner.PlaceStats{
			runner.PlaceQueued:   {Taken: 8, Limit: 8},
			runner.PlaceReserved: {Taken: 1, Limit: 64},
			runner.PlaceHeld:     {Taken: 1, Limit: 64},
			runner.PlacePaused:   {Taken: 1, Limit: 64},
		}, s.Places)
		require.Equal(t, 8, s.Depth)
		require.Equal(t, 4, counts("busy").Running)
		require.Equal(t, 1, counts("queued").Queued)
		rejected := counts("rejected")
		require.Equal(t, uint64(1), rejected.Rejections[runner.ReasonQueueFull])
		require.Equal(t, 7, rejected.Queued)
		require.Equal(t, 7, rejected.Places[runner.PlaceQueued])
		require.Equal(t, time.Second, rejected.Timeout, "of the one asked for last, whether accepted or not")

		require.Equal(t, uint64(11), s.QueueWait.Count(), "one for each attempt that has started")
		require.Zero(t, s.ResponseDelay.Count())
		release(nil)
		g.release()
		time.Sleep(2 * time.Hour)
		requireSnapshotBalanced(t, r.Snapshot())
		require.Equal(t, uint64(1), r.Snapshot().ResponseDelay.Count())
		require.Zero(t, r.Snapshot().Pending())
	})
}

func TestASnapshotTimesEachAttemptAndEachWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, DurationBuckets: []time.Duration{time.Second, time.Minute}, WaitBuckets: []time.Duration{time.Millisecond}})
		s := r.Snapshot()
		require.Equal(t, []time.Duration{time.Second, time.Minute}, s.Durations.Bounds())
		require.Equal(t, []time.Duration{time.Millisecond}, s.QueueWait.Layout().Bounds())
		require.Equal(t, []time.Duration{time.Millisecond}, s.ResponseDelay.Layout().Bounds())

		ctx, release := r.Scope(t.Context())
		attempts := 0
		require.NoError(t, runner.After(ctx, "it", func(context.Context) error {
			attempts++
			time.Sleep(time.Duration(attempts) * time.Second)
			if attempts < 3 {
				return errBroken
			}
			return nil
		}, runner.RetryBackoff(3, every(time.Hour))))
		time.Sleep(10 * time.Second)
		release(nil)
		require.NoError(t, runner.After(ctx, "late", nothing))
		drain(t, r)
		require.NoError(t, newRunner(t, runner.Config{}).Do(t.Context(), "elsewhere", nothing))

		s = r.Snapshot()
		it := countsOf(t, s, "it")
		require.Equal(t, []uint64{1, 2, 2}, it.Failure.Classic())
		require.Equal(t, uint64(3*time.Second), it.Failure.Sum())
		require.Equal(t, []uint64{0, 1, 1}, it.Success.Classic())
		require.Equal(t, uint64(3*time.Second), it.Success.Sum())
		require.Equal(t, uint64(2), it.Retries)
		require.Zero(t, it.LastFailure)
		require.Equal(t, uint64(1), s.ResponseDelay.Count(), "one for each response, and none for what came late")
		require.Equal(t, uint64(10*time.Second), s.ResponseDelay.Sum())
		require.Equal(t, uint64(4), s.QueueWait.Count())
		require.Equal(t, uint64(time.Second), s.QueueWait.Sum(), "late has waited for the first attempt")
		require.Equal(t, 2*time.Hour+6*time.Second, s.Drain)
	})
}

func TestDoWaitsForNoWorkerSoItHasNoQueueWait(t *testing.T) {
	r := newRunner(t, runner.Config{})
	require.NoError(t, r.Do(t.Context(), "it", nothing))
	require.ErrorIs(t, r.Do(t.Context(), "it", func(context.Context) error { return errBroken }), errBroken)
	s := r.Snapshot()
	it := countsOf(t, s, "it")
	require.Equal(t, uint64(1), it.Success.Count())
	require.Equal(t, uint64(1), it.Failure.Count())
	require.Zero(t, s.QueueWait.Count())
	requireSnapshotBalanced(t, s)
}

func TestWhatAShutdownLosesIsNoFailureOfTheCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2, Timeout: -1})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "canceled", obedient))
		require.NoError(t, r.Go(t.Context(), "abandoned", g.wait))
		require.NoError(t, r.Go(t.Context(), "dropped", nothing))
		require.Len(t, giveUp(t, r).Lost, 3)
		s := r.Snapshot()
		requireSnapshotBalanced(t, s)
		require.Equal(t, 3, s.Lost)
		for name, failures := range map[string]uint64{"canceled": 1, "abandoned": 1, "dropped": 0} {
			c := countsOf(t, s, name)
			require.Zero(t, c.LastFailure, name)
			require.Equal(t, failures, c.Failure.Count(), "%s: the run times of the attempts that were made", name)
		}
		g.release()
		synctest.Wait()
		require.Equal(t, s.Callbacks, r.Snapshot().Callbacks, "one that was given up counts once")
	})
}

func TestASnapshotDoesNotChange(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1})
	require.NoError(t, r.Do(t.Context(), "it", nothing))
	before := r.Snapshot()
	was := fmt.Sprintf("%+v %v", before.Stats, before.Callbacks[0])
	for range 100 {
		require.NoError(t, r.Do(t.Context(), "it", nothing))
	}
	require.Equal(t, was, fmt.Sprintf("%+v %v", before.Stats, before.Callbacks[0]))
	require.Equal(t, uint64(101), r.Snapshot().Callbacks[0].Success.Count())
}
