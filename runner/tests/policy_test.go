package tests

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestOnceRunsOnceInAScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2})
		ran := 0
		count := func(context.Context) error { ran++; return nil }
		ctx, release := r.Scope(t.Context())
		for range 5 { // more than places: those merged hold none
			require.NoError(t, runner.After(ctx, "it", count, runner.Once("a")))
		}
		require.NoError(t, runner.After(ctx, "it", count, runner.Once("b")))
		require.Equal(t, 2, r.Stats().Places[runner.PlaceReserved].Taken)
		release(nil)
		synctest.Wait()
		require.Equal(t, 2, ran)
		require.NoError(t, runner.After(ctx, "it", count, runner.Once("a")))
		synctest.Wait()
		require.Equal(t, 2, ran, "not even after it has run")

		other, release := r.Scope(t.Context())
		require.NoError(t, runner.After(other, "it", count, runner.Once("a")))
		release(nil)
		synctest.Wait()
		require.Equal(t, 3, ran)
		s := r.Stats()
		require.Equal(t, uint64(5), s.Outcomes[runner.OutcomeCoalesced])
		requireBalanced(t, s)
		once, merged := runner.OutcomeSuccess, runner.OutcomeCoalesced
		require.Equal(t, map[string][]runner.Outcome{"it": {once, merged, merged, merged, merged, once, merged, once}}, outcomes(rec))

		require.ErrorIs(t, r.Go(t.Context(), "it", count, runner.Once("a")), runner.ErrNoScope)
	})
}

func TestOnceRunsOnceThoughSeveralWaitForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.Block(time.Minute)})
		g := fill(t, r)
		ran := 0
		ctx, release := r.Scope(t.Context())
		for range 3 {
			go func() {
				count := func(context.Context) error { ran++; return nil }
				if err := runner.After(ctx, "it", count, runner.Once("a")); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		g.release()
		synctest.Wait()
		s := r.Stats()
		require.Equal(t, 1, s.Reserved)
		require.Equal(t, 1, s.Places[runner.PlaceReserved].Taken)
		require.Equal(t, uint64(2), s.Outcomes[runner.OutcomeCoalesced])
		release(nil)
		synctest.Wait()
		require.Equal(t, 1, ran)
	})
}

func TestCoalesceRunsTheNewestFunctionOnceInTheOldestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 10})
		g := occupy(t, r, "busy")
		var order []int
		for i := range 5 {
			require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { order = append(order, i); return nil }, runner.Coalesce("x")))
			if i == 0 {
				require.NoError(t, r.Go(t.Context(), "behind", func(context.Context) error { order = append(order, -1); return nil }))
			}
		}
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { order = append(order, 9); return nil }, runner.Coalesce("y")))
		require.Equal(t, 3, r.Stats().Queued)
		g.release()
		drain(t, r)
		require.Equal(t, []int{4, -1, 9}, order)
		require.Equal(t, uint64(4), r.Stats().Outcomes[runner.OutcomeCoalesced])
		ran, merged := runner.OutcomeSuccess, runner.OutcomeCoalesced
		require.Equal(t, map[string][]runner.Outcome{"busy": {ran}, "it": {merged, merged, merged, merged, ran, ran}, "behind": {ran}}, outcomes(rec))
	})
}

func TestCoalesceDoesNotMergeIntoARunningOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2})
		g := newGate(t)
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "it", g.wait, runner.Coalesce("x")))
			synctest.Wait()
		}
		s := r.Stats()
		require.Equal(t, 2, s.Running)
		require.Equal(t, 1, s.Queued)
	})
}

func TestCoalesceNeverRunsAFunctionBeforeItsOwnResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1})
		g := occupy(t, r, "busy")
		var ran []string
		note := func(s string) func(context.Context) error {
			return func(context.Context) error { ran = append(ran, s); return nil }
		}
		require.NoError(t, r.Go(t.Context(), "it", note("old"), runner.Coalesce("x")))
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "it", note("open"), runner.Coalesce("x")))
		g.release()
		synctest.Wait()
		require.Equal(t, []string{"old"}, ran)
		release(nil)
		synctest.Wait()
		require.Equal(t, []string{"old", "open"}, ran)
	})
}

func TestWhenGatesByTheFrozenRequest(t *testing.T) {
	r, rec := recorded(t, runner.Config{})
	srv := serve(t, r, true, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for name, gate := range map[string]func(runner.Request) bool{
			"if.succeeded": runner.Request.Succeeded,
			"if.stayed":    runner.Request.NotAborted,
			"if.panics":    func(runner.Request) bool { panic("gate") },
			"if.418":       func(r runner.Request) bool { return r.Status == http.StatusTeapot },
		} {
			if err := runner.After(req.Context(), name, nothing, runner.When(gate)); err != nil {
				t.Error(err)
			}
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	get(t, srv.URL)
	srv.Close()
	drain(t, r)
	require.Equal(t, map[string][]runner.Outcome{
		"if.succeeded": {runner.OutcomeSkipped},
		"if.stayed":    {runner.OutcomeSuccess},
		"if.panics":    {runner.OutcomePanic},
		"if.418":       {runner.OutcomeSuccess},
	}, outcomes(rec))
	for name, starts := range map[string]int{"if.succeeded": 0, "if.stayed": 1, "if.panics": 0, "if.418": 1} {
		require.Len(t, only(t, rec, name).Started, starts, "a gate that says no starts nothing")
	}
}

func TestWhenIsNotAskedWithoutARequest(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := make(chan struct{})
	require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { close(ran); return nil }, runner.When(func(runner.Request) bool { return false })))
	<-ran
}

func TestALimitHoldsBackItsNameAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 4, Queue: 100, Limits: map[string]int{"limited": 2}})
		g, others := newGate(t), newGate(t)
		for range 10 {
			require.NoError(t, r.Go(t.Context(), "limited", g.wait))
		}
		for range 2 {
			require.NoError(t, r.Go(t.Context(), "free", others.wait))
		}
		synctest.Wait()
		require.Len(t, g.entered, 2)
		require.Len(t, others.entered, 2, "ten limited ones before them are in nobody's way")
		s := r.Stats()
		require.Equal(t, 8, s.Queued)
		requireBalanced(t, s)
		g.release()
		others.release()
		synctest.Wait()
		require.Equal(t, uint64(12), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

func TestALimitKeepsTheOrderOfItsName(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 4, Limits: map[string]int{"limited": 1}})
	var mu sync.Mutex
	var order []int
	for i := range 20 {
		require.NoError(t, r.Go(t.Context(), "limited", func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, i)
			return nil
		}))
	}
	drain(t, r)
	for i := range 20 {
		require.Equal(t, i, order[i])
	}
}

func TestALimitIsNotHeldBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Limits: map[string]int{"limited": 1}})
		require.NoError(t, r.Go(t.Context(), "limited", func(context.Context) error { return errBroken }, runner.RetryBackoff(2, every(time.Hour))))
		synctest.Wait()
		ran := false
		require.NoError(t, r.Go(t.Context(), "limited", func(context.Context) error { ran = true; return nil }))
		synctest.Wait()
		require.True(t, ran)
	})
}

func TestDropOldestEvictsNoHeldOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 2, Queue: 1, MaxHeld: 6, Overflow: runner.DropOldest, Limits: map[string]int{"limited": 1}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "limited", g.wait))
		require.NoError(t, r.Go(t.Context(), "busy", g.wait))
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "limited", nothing))
		}
		require.ErrorIs(t, r.Go(t.Context(), "limited", nothing), runner.ErrHeldFull, "it is rejected, as under Reject")
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "other", nothing))
		}
		dropped, rejected := runner.OutcomeDropped, runner.OutcomeRejected
		require.Equal(t, map[string][]runner.Outcome{"limited": {rejected}, "other": {dropped, dropped}}, outcomes(rec))
		g.release()
		synctest.Wait()
		require.Equal(t, uint64(6), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

func TestACoalescedTurnIsAsOldAsItWasButTheCallbackIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last runner.FinishedInfo
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
			Finished: func(_ context.Context, info runner.FinishedInfo) { last = info },
		}}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "busy", g.wait))
		begin := time.Now()
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "it", nothing, runner.Coalesce("x")))
			require.Equal(t, begin, r.Stats().OldestDue)
			time.Sleep(time.Second) // in a bubble only
		}
		g.release()
		synctest.Wait()
		require.Equal(t, runner.OutcomeSuccess, last.Outcome)
		require.Equal(t, begin.Add(2*time.Second), last.Asked)
		require.Zero(t, last.ResponseDelay())
		require.Equal(t, time.Second, last.QueueWait())
	})
}

// The newer one is asked for before the older one is due, and takes its turn after
// that.
func TestACoalescedCallbackEndsNoSoonerThanItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1})
		g := occupy(t, r, "worker")
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "it", nothing, runner.Coalesce("")))
		slow := sync.OnceFunc(func() {
			time.Sleep(time.Second)
			release(nil)
		})
		require.NoError(t, r.Go(valueContext{t.Context(), slow}, "it", nothing, runner.Coalesce("")))
		g.release()
		synctest.Wait()
		require.Equal(t, []runner.Outcome{runner.OutcomeCoalesced, runner.OutcomeSuccess}, outcomes(rec)["it"])
		for _, c := range rec.All() {
			require.False(t, c.Finished.Finished.Before(c.Finished.Due), "%+v", c.Finished)
		}
	})
}
