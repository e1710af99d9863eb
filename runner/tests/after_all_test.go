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

// callsOf returns a call that does nothing for each name.
func callsOf(names string) []runner.Call {
	var calls []runner.Call
	for name := range strings.FieldsSeq(names) {
		calls = append(calls, runner.Call{Name: name, Func: nothing})
	}
	return calls
}

func TestAfterAllRunsThemInTheOrderGiven(t *testing.T) {
	r, rec := recorded(t, runner.Config{Workers: 1})
	ctx, release := r.Scope(t.Context())
	var order []string
	note := func(name string) runner.Call {
		return runner.Call{Name: name, Func: func(context.Context) error { order = append(order, name); return nil }}
	}
	limited := note("c")
	limited.Options = []runner.Option{runner.Timeout(time.Minute)}
	require.NoError(t, runner.AfterAll(ctx, note("a"), note("b"), limited))
	require.NoError(t, r.AfterAll(ctx, note("d"), note("e"), note("f"), note("g"), note("h")))
	require.NoError(t, runner.AfterAll(ctx))
	require.NoError(t, r.AfterAll(ctx))
	require.Equal(t, 8, r.Stats().Reserved)
	require.Empty(t, order)
	release(nil)
	drain(t, r)
	require.Equal(t, strings.Fields("a b c d e f g h"), order)
	require.Equal(t, time.Minute, only(t, rec, "c").Accepted.Timeout)
	require.Equal(t, 30*time.Second, only(t, rec, "b").Accepted.Timeout)
}

func TestAfterAllIsDueAtOnceInACallbackAndAfterTheRelease(t *testing.T) {
	r, rec := recorded(t, runner.Config{Workers: 1})
	require.NoError(t, r.Go(t.Context(), "outer", func(ctx context.Context) error {
		return errors.Join(runner.AfterAll(ctx, callsOf("a b")...), r.AfterAll(ctx, callsOf("c")...))
	}))
	ctx, release := r.Scope(t.Context())
	release(nil)
	require.NoError(t, runner.AfterAll(ctx, callsOf("d")...))
	require.NoError(t, runner.Wait(ctx))
	drain(t, r)
	for _, name := range []string{"outer", "a", "b", "c", "d"} {
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes(name), name)
	}
}

func TestAfterAllRejectsAllOrNone(t *testing.T) {
	r, rec := recorded(t, runner.Config{Workers: 1, Queue: 4})
	ctx, release := r.Scope(t.Context())
	require.NoError(t, runner.AfterAll(ctx, callsOf("a b")...))

	require.ErrorIs(t, runner.AfterAll(ctx, callsOf("c d e")...), runner.ErrQueueFull)
	s := r.Stats()
	require.Equal(t, 2, s.Depth, "two would have found a place")
	require.Equal(t, 2, s.Reserved)
	require.Equal(t, uint64(5), s.Asked)
	require.Equal(t, uint64(3), s.Rejections[runner.ReasonQueueFull], "each of them counts")
	require.Equal(t, uint64(3), s.Outcomes[runner.OutcomeRejected])
	requireBalanced(t, s)
	for _, name := range []string{"c", "d", "e"} {
		rejected := only(t, rec, name).Rejected
		require.NotNil(t, rejected, "each of them is observed")
		require.Equal(t, runner.ReasonQueueFull, rejected.Reason)
		require.ErrorIs(t, rejected.Err, runner.ErrQueueFull)
	}

	require.NoError(t, runner.AfterAll(ctx, callsOf("f g")...), "the places are still there")
	require.Equal(t, 4, r.Stats().Depth)
	release(nil)
	drain(t, r)
	require.Zero(t, r.Stats().Depth)
	require.Equal(t, uint64(4), r.Stats().Outcomes[runner.OutcomeSuccess])
}

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

func TestAfterAllOfAClosedRunnerRejectsAll(t *testing.T) {
	r, rec := recorded(t, runner.Config{})
	ctx, release := r.Scope(t.Context())
	defer release(nil)
	drain(t, r)
	require.ErrorIs(t, runner.AfterAll(ctx, callsOf("a b")...), runner.ErrClosed)
	require.Equal(t, uint64(2), r.Stats().Rejections[runner.ReasonClosed])
	require.Len(t, rec.All(), 2)
}

func TestAMistakeInOneCallOfAfterAllAsksForNothing(t *testing.T) {
	r, rec := recorded(t, runner.Config{Queue: 4})
	ctx, release := r.Scope(t.Context())
	defer release(nil)
	good := runner.Call{Name: "good", Func: nothing}
	before := runner.Misuses()
	for want, bad := range map[error]runner.Call{
		runner.ErrNilFunc:     {Name: "bad"},
		runner.ErrInvalidName: {Name: "not a name", Func: nothing},
	} {
		for _, calls := range [][]runner.Call{{bad, good}, {good, bad}, {good, bad, good}} {
			require.ErrorIs(t, runner.AfterAll(ctx, calls...), want)
			require.ErrorIs(t, r.AfterAll(ctx, calls...), want)
		}
	}
	require.ErrorIs(t, runner.AfterAll(t.Context(), good), runner.ErrNoScope)
	require.ErrorIs(t, r.AfterAll(t.Context(), good), runner.ErrNoScope)
	require.ErrorIs(t, newRunner(t, runner.Config{}).AfterAll(ctx, good), runner.ErrNoScope)
	require.Zero(t, r.Stats().Asked)
	require.Zero(t, r.Stats().Depth)
	require.Empty(t, rec.All())
	after := runner.Misuses()
	require.Equal(t, before[runner.MisuseNilFunc]+6, after[runner.MisuseNilFunc])
	require.Equal(t, before[runner.MisuseInvalidName]+6, after[runner.MisuseInvalidName])
	require.Equal(t, before[runner.MisuseNoScope]+3, after[runner.MisuseNoScope])
}

func TestOnceInsideAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 3})
		ctx, release := r.Scope(t.Context())
		ran := 0
		once := runner.Call{Name: "once", Func: func(context.Context) error { ran++; return nil }, Options: []runner.Option{runner.Once("k")}}
		require.NoError(t, runner.AfterAll(ctx, once, runner.Call{Name: "other", Func: nothing}))
		require.NoError(t, runner.AfterAll(ctx, append(callsOf("third"), once, once)...), "those repeated need no place")
		require.Equal(t, 3, r.Stats().Depth)
		require.NoError(t, runner.AfterAll(ctx, once))
		require.ErrorIs(t, runner.AfterAll(ctx, once, runner.Call{Name: "beyond", Func: nothing}), runner.ErrQueueFull)
		requireBalanced(t, r.Stats())
		release(nil)
		synctest.Wait()
		require.Equal(t, 1, ran)
		first, merged, rejected := runner.OutcomeSuccess, runner.OutcomeCoalesced, runner.OutcomeRejected
		require.Equal(t, []runner.Outcome{first, merged, merged, merged, rejected}, rec.Outcomes("once"), "also what was to be merged is rejected with the rest")
		require.Equal(t, []runner.Outcome{rejected}, rec.Outcomes("beyond"))
		require.Zero(t, r.Stats().Depth)
	})
}

func TestTheSameOnceTwiceInOneAfterAllNeedsOnePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2})
		ctx, release := r.Scope(t.Context())
		ran := 0
		once := runner.Call{Name: "once", Func: func(context.Context) error { ran++; return nil }, Options: []runner.Option{runner.Once("k")}}
		other := once
		other.Options = []runner.Option{runner.Once("another")}
		require.NoError(t, runner.AfterAll(ctx, once, other, once))
		require.Equal(t, 2, r.Stats().Depth)
		release(nil)
		synctest.Wait()
		require.Equal(t, 2, ran)
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess, runner.OutcomeSuccess, runner.OutcomeCoalesced}, rec.Outcomes("once"))
		require.Zero(t, r.Stats().Depth)
		requireBalanced(t, r.Stats())
	})
}

// A rejected call counts as not made: the next one is the first.
func TestOnceIsNotUsedUpByAnAfterAllThatWasRejected(t *testing.T) {
	r, rec := recorded(t, runner.Config{Queue: 1})
	ctx, release := r.Scope(t.Context())
	once := runner.Call{Name: "once", Func: nothing, Options: []runner.Option{runner.Once("k")}}
	require.ErrorIs(t, runner.AfterAll(ctx, once, runner.Call{Name: "other", Func: nothing}), runner.ErrQueueFull)
	require.NoError(t, runner.AfterAll(ctx, once))
	release(nil)
	drain(t, r)
	require.Equal(t, []runner.Outcome{runner.OutcomeRejected, runner.OutcomeSuccess}, rec.Outcomes("once"))
}

func TestAfterAllEvictsAsManyAsItNeedsOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 5, Overflow: runner.DropOldest})
		occupy(t, r, "busy")
		open, release := r.Scope(t.Context())
		require.NoError(t, runner.AfterAll(open, callsOf("open.a open.b")...))
		for _, name := range []string{"first", "second", "third"} {
			require.NoError(t, r.Go(t.Context(), name, nothing))
		}
		ctx, releaseLast := r.Scope(t.Context())
		require.ErrorIs(t, runner.AfterAll(ctx, callsOf("a b c d")...), runner.ErrQueueFull)
		for _, name := range []string{"open.a", "open.b", "first", "second", "third"} {
			require.Empty(t, rec.Outcomes(name), "three may be evicted, and four were needed")
		}
		require.Equal(t, 5, r.Stats().Depth)

		require.NoError(t, runner.AfterAll(ctx, callsOf("e f")...))
		require.Equal(t, []runner.Outcome{runner.OutcomeDropped}, rec.Outcomes("first"))
		require.Equal(t, []runner.Outcome{runner.OutcomeDropped}, rec.Outcomes("second"))
		require.Empty(t, rec.Outcomes("third"))
		require.Equal(t, 5, r.Stats().Depth)
		requireBalanced(t, r.Stats())
		release(nil)
		releaseLast(nil)
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
		require.Equal(t, "large", soFar(), "as soon as there are three places")
		require.Equal(t, 3, r.Stats().Depth)
		steps <- struct{}{}
		require.Equal(t, "large small", soFar())
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
		require.Equal(t, 2, r.Stats().Depth)
		release(nil)
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
