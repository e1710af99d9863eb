package tests

import (
	"context"
	"errors"
	"strings"
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
	require.Equal(t, 2, s.Places[runner.PlaceReserved].Taken, "two would have found a place")
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
	require.Equal(t, 4, r.Stats().Places[runner.PlaceReserved].Taken)
	release(nil)
	drain(t, r)
	require.Zero(t, r.Stats().Depth)
	require.Zero(t, r.Stats().Places[runner.PlaceReserved].Taken)
	require.Equal(t, uint64(4), r.Stats().Outcomes[runner.OutcomeSuccess])
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
	require.Zero(t, r.Stats().Places[runner.PlaceReserved].Taken)
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
		require.Equal(t, 3, r.Stats().Places[runner.PlaceReserved].Taken)
		require.NoError(t, runner.AfterAll(ctx, once))
		require.ErrorIs(t, runner.AfterAll(ctx, once, runner.Call{Name: "beyond", Func: nothing}), runner.ErrQueueFull)
		requireBalanced(t, r.Stats())
		release(nil)
		synctest.Wait()
		require.Equal(t, 1, ran)
		first, merged, rejected := runner.OutcomeSuccess, runner.OutcomeCoalesced, runner.OutcomeRejected
		require.Equal(t, []runner.Outcome{first, merged, merged, merged, rejected}, rec.Outcomes("once"), "also what was to be merged is rejected with the rest")
		require.Equal(t, []runner.Outcome{rejected}, rec.Outcomes("beyond"))
		require.Zero(t, r.Stats().Places[runner.PlaceReserved].Taken)
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
		require.Equal(t, 2, r.Stats().Places[runner.PlaceReserved].Taken)
		release(nil)
		synctest.Wait()
		require.Equal(t, 2, ran)
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess, runner.OutcomeSuccess, runner.OutcomeCoalesced}, rec.Outcomes("once"))
		require.Zero(t, r.Stats().Places[runner.PlaceReserved].Taken)
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

func TestAfterAllWithoutCallsDoesNothingEvenInAClosedRunner(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 1})
	ctx, release := r.Scope(t.Context())
	defer release(nil)
	require.NoError(t, runner.AfterAll(ctx))
	drain(t, r)
	require.NoError(t, runner.AfterAll(ctx))
	require.NoError(t, r.AfterAll(ctx))
	require.Zero(t, r.Stats().Asked)
}
