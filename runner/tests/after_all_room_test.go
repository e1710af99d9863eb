package tests

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestAfterAllOfMoreThanTheQueueHoldsNeverFits(t *testing.T) {
	for _, overflow := range []runner.Overflow{runner.Reject, runner.DropOldest, runner.Block(time.Hour)} {
		t.Run(overflow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2, Overflow: overflow})
				occupy(t, r, "busy")
				require.NoError(t, r.Go(t.Context(), "waits", nothing))
				ctx, release := r.Scope(t.Context())
				begin := time.Now()
				require.ErrorIs(t, runner.AfterAll(ctx, callsOf("a b c")...), runner.ErrQueueFull)
				require.Zero(t, time.Since(begin), "there is nothing to wait for")
				require.Empty(t, rec.Outcomes("waits"), "and nothing to evict")
				require.NoError(t, r.Go(t.Context(), "fits", nothing))
				release(nil)
			})
		})
	}
}

func TestAfterAllEvictsAsManyAsItNeedsWhenItsCallbacksAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 3, Overflow: runner.DropOldest})
		occupy(t, r, "busy")
		for _, name := range []string{"first", "second", "third"} {
			require.NoError(t, r.Go(t.Context(), name, nothing))
		}
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.AfterAll(ctx, callsOf("e f")...))
		require.Empty(t, rec.Outcomes("first"), "a response that is open takes no place from others")
		require.Equal(t, 3, r.Stats().Depth)
		release(nil)
		synctest.Wait()
		require.Equal(t, []runner.Outcome{runner.OutcomeDropped}, rec.Outcomes("first"))
		require.Equal(t, []runner.Outcome{runner.OutcomeDropped}, rec.Outcomes("second"))
		require.Empty(t, rec.Outcomes("third"))
		require.Equal(t, 3, r.Stats().Depth)
		requireBalanced(t, r.Stats())
	})
}

func TestAfterAllWaitsForAllItsPlacesAndIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 3, Overflow: runner.Block(time.Hour)})
		worker := occupy(t, r, "busy")
		steps := make(chan struct{})
		step := func(context.Context) error { <-steps; return nil }
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "step", step))
		}

		var mu sync.Mutex
		var accepted []string
		ask := func(name string, n int) {
			ctx, release := r.Scope(t.Context())
			go func() {
				err := runner.AfterAll(ctx, callsOf(strings.Repeat(name+" ", n))...)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				accepted = append(accepted, name)
				release(nil)
			}()
			synctest.Wait()
		}
		ask("large", 3)
		ask("small", 1)
		soFar := func() string {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return strings.Join(accepted, " ")
		}

		worker.release() // the first step takes the worker, and leaves a place
		require.Empty(t, soFar())
		require.Equal(t, 2, r.Stats().Depth, "the small one does not overtake")
		steps <- struct{}{}
		require.Empty(t, soFar())
		require.Equal(t, 1, r.Stats().Depth)
		steps <- struct{}{}
		require.Equal(t, "large small", soFar(), "as soon as there are three places; those of an open response leave them free")
		steps <- struct{}{}
		drain(t, r)
		require.Equal(t, uint64(8), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

// The one that gives up stood in the way of a smaller one.
func TestTheNextOneGetsItsPlaceWhenAnAfterAllGivesUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.Block(time.Hour)})
		occupy(t, r, "busy")
		require.NoError(t, r.Go(t.Context(), "place", nothing))
		ctx, release := r.Scope(t.Context())
		short, cancel := context.WithTimeoutCause(ctx, time.Second, errBroken)
		defer cancel()
		large, small := make(chan error, 1), make(chan error, 1)
		go func() { large <- runner.AfterAll(short, callsOf("a b")...) }()
		synctest.Wait()
		begin := time.Now()
		go func() { small <- runner.AfterAll(ctx, callsOf("c")...) }()
		require.NoError(t, <-small)
		require.Equal(t, time.Second, time.Since(begin))
		err := <-large
		require.ErrorIs(t, err, errBroken)
		require.ErrorIs(t, err, runner.ErrQueueFull)
		require.Equal(t, uint64(2), r.Stats().Rejections[runner.ReasonCanceled])
		for _, name := range []string{"a", "b"} {
			require.Equal(t, runner.ReasonCanceled, only(t, rec, name).Rejected.Reason)
		}
		require.Equal(t, 1, r.Stats().Depth)
		require.Equal(t, 1, r.Stats().Places[runner.PlaceReserved].Taken)
		release(nil)
		require.Equal(t, 2, r.Stats().Depth)
	})
}

func TestAfterAllGivesUpAfterTheTimeOfBlockWithEveryPlaceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.Block(time.Second)})
		g := occupy(t, r, "busy")
		require.NoError(t, r.Go(t.Context(), "place", nothing))
		ctx, release := r.Scope(t.Context())
		require.ErrorIs(t, runner.AfterAll(ctx, callsOf("a b")...), runner.ErrMaxWait)
		require.Equal(t, uint64(2), r.Stats().Rejections[runner.ReasonMaxWait])
		require.Equal(t, 1, r.Stats().Depth)
		g.release()
		synctest.Wait()
		require.Zero(t, r.Stats().Depth)
		require.NoError(t, runner.AfterAll(ctx, callsOf("a b")...))
		release(nil)
	})
}

func TestAfterAllNeverWaitsInsideACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.Block(time.Hour)})
		var err error
		require.NoError(t, r.Go(t.Context(), "outer", func(ctx context.Context) error {
			err = errors.Join(runner.After(ctx, "a", nothing), runner.AfterAll(ctx, callsOf("b c")...))
			return nil
		}))
		synctest.Wait()
		require.ErrorIs(t, err, runner.ErrNested)
		require.Equal(t, uint64(2), r.Stats().Rejections[runner.ReasonNested])
		require.Equal(t, uint64(2), r.Stats().Outcomes[runner.OutcomeSuccess], "outer and a")
	})
}

// Many ask for one, two or three at a time: the books balance, and each call is
// accepted or rejected as a whole.
func TestManyAfterAllAtOnceAreAllOrNone(t *testing.T) {
	for _, overflow := range []runner.Overflow{runner.Reject, runner.DropOldest, runner.Block(time.Minute)} {
		t.Run(overflow.String(), func(t *testing.T) {
			r, rec := recorded(t, runner.Config{Workers: 2, Queue: 4, Overflow: overflow})
			type scopeKey struct{}
			var asking sync.WaitGroup
			for i := range 8 {
				asking.Go(func() {
					for j := range 100 {
						ctx, release := r.Scope(context.WithValue(t.Context(), scopeKey{}, [2]int{i, j}))
						n := 1 + (i+j)%3
						err := runner.AfterAll(ctx, callsOf(strings.Repeat("it ", n))...)
						if err != nil && !errors.Is(err, runner.ErrQueueFull) {
							t.Error(err)
						}
						release(nil)
					}
				})
			}
			asking.Wait()
			drain(t, r)
			s := r.Stats()
			requireBalanced(t, s)
			require.Zero(t, s.Depth)
			require.Zero(t, s.Pending())
			rejected := uint64(0)
			for _, c := range rec.All() {
				if c.Rejected != nil {
					rejected++
				}
			}
			require.Equal(t, rejected, s.Outcomes[runner.OutcomeRejected])
			require.Equal(t, s.Asked, uint64(len(rec.All())))
		})
	}
}
