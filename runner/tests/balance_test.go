package tests

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
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
	var starts, waited uint64
	for _, c := range s.Callbacks {
		require.Equal(t, c.Asked, c.Outcomes.Total()+uint64(c.Reserved+c.Queued+c.Running+c.Paused), "%s does not balance: %+v", c.Name, c)
		require.Equal(t, c.Outcomes[runner.OutcomeRejected], c.Rejections.Total(), c.Name)
		require.Equal(t, c.Outcomes[runner.OutcomeSuccess], c.Success.Count(), "%s: each success has one run time", c.Name)
		require.GreaterOrEqual(t, c.Failure.Count(), c.Outcomes[runner.OutcomeTimeout]+c.Outcomes[runner.OutcomeAbandoned]+c.Retries, c.Name)
		require.LessOrEqual(t, c.Stuck, c.Running, c.Name)
		for _, n := range []int{c.Reserved, c.Queued, c.Running, c.Paused, c.Stuck} {
			require.GreaterOrEqual(t, n, 0, c.Name)
		}
		starts += c.Starts
		waited += uint64(c.QueueWait)
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
	require.Equal(t, s.QueueWait.Count(), starts, "the starts of the names do not make up the runner's")
	require.Equal(t, s.QueueWait.Sum(), waited, "the waits of the names do not make up the runner's")
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
