package tests

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// requireSnapshotBalanced checks that a snapshot balances for the runner and for
// each name, and that the names make up the runner.
func requireSnapshotBalanced(t *testing.T, s runner.Snapshot) {
	t.Helper()
	requireBalanced(t, s.Stats)
	var sum runner.Stats
	for _, c := range s.Callbacks {
		require.Equal(t, c.Asked, c.Outcomes.Total()+uint64(c.Reserved+c.Queued+c.Running+c.Paused), "%s does not balance: %+v", c.Name, c)
		require.Equal(t, c.Outcomes[runner.OutcomeRejected], c.Rejections.Total(), c.Name)
		require.Equal(t, c.Outcomes[runner.OutcomeSuccess], c.Success.Count(), "%s: each success has one run time", c.Name)
		require.GreaterOrEqual(t, c.Failure.Count(), c.Outcomes[runner.OutcomeTimeout]+c.Outcomes[runner.OutcomeAbandoned]+c.Retries, c.Name)
		require.LessOrEqual(t, c.Stuck, c.Running, c.Name)
		for _, n := range []int{c.Reserved, c.Queued, c.Running, c.Paused, c.Stuck} {
			require.GreaterOrEqual(t, n, 0, c.Name)
		}
		sum.Asked += c.Asked
		sum.Reserved += c.Reserved
		sum.Queued += c.Queued
		sum.Running += c.Running
		sum.Paused += c.Paused
		sum.Stuck += c.Stuck
		sum.Retries += c.Retries
		for o, n := range c.Outcomes {
			sum.Outcomes[o] += n
		}
		for o, n := range c.Rejections {
			sum.Rejections[o] += n
		}
	}
	total := runner.Stats{
		Asked: s.Asked, Reserved: s.Reserved, Queued: s.Queued, Running: s.Running, Paused: s.Paused,
		Stuck: s.Stuck, Retries: s.Retries, Outcomes: s.Outcomes, Rejections: s.Rejections,
	}
	require.Equal(t, total, sum, "the names do not make up the runner")
}

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
		require.Equal(t, 1, counts("stuck").Stuck)
		require.Equal(t, 1, counts("stuck").Running)
		require.Equal(t, 1, counts("reserved").Reserved)
		require.Equal(t, 4, counts("busy").Running)
		require.Equal(t, 1, counts("queued").Queued)
		rejected := counts("rejected")
		require.Equal(t, uint64(1), rejected.Rejections[runner.ReasonQueueFull])
		require.Equal(t, 4, rejected.Queued)
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

// Eight producers ask in every way there is, for callbacks that end in every way.
// Meanwhile a thousand snapshots balance, for the runner and for each name, and
// nothing that only grows is ever less than before.
func TestAThousandSnapshotsUnderEightProducersEachBalance(t *testing.T) {
	for _, overflow := range []runner.Overflow{runner.Reject, runner.DropOldest, runner.Block(time.Millisecond)} {
		t.Run(overflow.String(), func(t *testing.T) {
			r := newRunner(t, runner.Config{
				Workers: 4, Queue: 16, Overflow: overflow, MaxNames: 6, Timeout: 50 * time.Millisecond, StuckAfter: time.Millisecond,
				Limits: map[string]int{"limited": 1},
			})
			turns := make(chan int, 64) // so that snapshots have their share of the processor
			var producers sync.WaitGroup
			for range 8 {
				producers.Go(func() {
					for turn := range turns {
						produce(t, r, turn)
					}
				})
			}
			end := sync.OnceFunc(func() {
				close(turns)
				producers.Wait()
			})
			defer end()
			var last runner.Snapshot
			isMoving := 0
			for i := range 1000 {
				for j := range 32 {
					turns <- 32*i + j
				}
				s := r.Snapshot()
				requireSnapshotBalanced(t, s)
				requireNothingLess(t, last, s)
				if s.Pending() > 0 {
					isMoving++
				}
				last = s
			}
			end()
			drain(t, r)
			s := r.Snapshot()
			requireSnapshotBalanced(t, s)
			require.Zero(t, s.Pending())
			require.Zero(t, s.Depth)
			require.Greater(t, isMoving, 100, "snapshots were taken in the middle of things")
			require.Positive(t, s.Folded)
			for _, o := range []runner.Outcome{runner.OutcomeSuccess, runner.OutcomeError, runner.OutcomePanic, runner.OutcomeCoalesced} {
				require.Positive(t, s.Outcomes[o], o)
			}
		})
	}
}

// produce asks in one of all ways.
func produce(t *testing.T, r *runner.Runner, turn int) {
	t.Helper()
	fails := func(context.Context) error { return errBroken }
	spins := func(context.Context) error { runtime.Gosched(); return nil }
	ctx, release := r.Scope(t.Context())
	var err error
	switch turn % 11 {
	case 0:
		err = runner.After(ctx, "plain", spins)
	case 1:
		err = runner.AfterAll(ctx, runner.Call{Name: "plain", Func: spins}, runner.Call{Name: "limited", Func: spins})
	case 2:
		err = r.Go(ctx, "limited", fails)
	case 3:
		err = runner.After(ctx, "retried", fails, runner.RetryBackoff(2, every(time.Microsecond)))
	case 4:
		err = errors.Join(runner.After(ctx, "once", spins, runner.Once("k")), runner.After(ctx, "once", spins, runner.Once("k")))
	case 5:
		err = r.Go(ctx, "merged", spins, runner.Coalesce("k"))
	case 6:
		_ = r.Do(ctx, "plain", fails)
	case 7:
		err = runner.After(ctx, "panics", func(context.Context) error { panic("boom") }, runner.When(runner.Request.Succeeded))
	case 8:
		err = runner.After(ctx, "nests", func(ctx context.Context) error { _ = runner.After(ctx, "plain", spins); return nil })
	case 9:
		err = r.Go(ctx, fmt.Sprint("beyond.", turn%50), spins)
	case 10:
		err = r.Go(ctx, "plain", func(context.Context) error { runtime.Goexit(); return nil })
	}
	if err != nil && !errors.Is(err, runner.ErrQueueFull) && !errors.Is(err, runner.ErrStuck) {
		t.Error(err)
	}
	release(nil)
}

// requireNothingLess checks that what only grows has not become less.
func requireNothingLess(t *testing.T, before, after runner.Snapshot) {
	t.Helper()
	require.GreaterOrEqual(t, after.Asked, before.Asked)
	require.GreaterOrEqual(t, after.Folded, before.Folded)
	require.GreaterOrEqual(t, after.BusyTime, before.BusyTime)
	require.GreaterOrEqual(t, after.QueueWait.Count(), before.QueueWait.Count())
	for _, b := range before.Callbacks {
		a := countsOf(t, after, b.Name)
		require.GreaterOrEqual(t, a.Asked, b.Asked, b.Name)
		require.GreaterOrEqual(t, a.Retries, b.Retries, b.Name)
		require.GreaterOrEqual(t, a.Success.Sum(), b.Success.Sum(), b.Name)
		require.GreaterOrEqual(t, a.Failure.Count(), b.Failure.Count(), b.Name)
		for o := range a.Outcomes {
			require.GreaterOrEqual(t, a.Outcomes[o], b.Outcomes[o], b.Name)
		}
		require.False(t, a.LastSuccess.Before(b.LastSuccess), b.Name)
	}
}
