package tests

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestPlacesAreReservedAtAfterSoAHandlerKnowsInTime(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 2})
	ctx, release := r.Scope(t.Context())
	require.NoError(t, runner.After(ctx, "a", nothing))
	require.NoError(t, runner.After(ctx, "b", nothing))
	defer release(nil)
	err := runner.After(ctx, "c", nothing)
	require.ErrorIs(t, err, runner.ErrQueueFull, "they will be due together, and two may wait")
	require.NotErrorIs(t, err, runner.ErrReservedFull)
	s := r.Stats()
	require.Equal(t, 2, s.Reserved)
	require.Equal(t, 2, s.Places[runner.PlaceReserved].Taken)
	require.Zero(t, s.Depth, "none of them waits for a worker yet")
	requireBalanced(t, s)
}

func TestRejectRejectsAndCounts(t *testing.T) {
	r, rec := recorded(t, runner.Config{Workers: 1, Queue: 3})
	fill(t, r)
	for range 1000 {
		require.ErrorIs(t, r.Go(t.Context(), "flood", nothing), runner.ErrQueueFull)
	}
	s := r.Stats()
	require.Equal(t, uint64(1000), s.Outcomes[runner.OutcomeRejected])
	require.Equal(t, 3, s.Depth)
	require.Equal(t, 3, s.HighWater)
	requireBalanced(t, s)
	require.Len(t, rec.Outcomes("flood"), 1000)
	require.Equal(t, runner.ReasonQueueFull, rec.Named("flood")[0].Rejected.Reason)
}

func TestBlockWaitsForAPlaceInTheOrderAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Minute)})
		g := fill(t, r)
		var order []int
		for i := range 5 {
			go func() {
				err := r.Go(t.Context(), "it", func(context.Context) error { order = append(order, i); return nil })
				if err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		require.Equal(t, uint64(2), r.Stats().Asked, "those that wait have not been answered")
		g.release()
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		requireBalanced(t, r.Stats())
		require.Zero(t, r.Stats().Depth)
	})
}

func TestBlockGivesUpAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(3 * time.Second)})
		fill(t, r)
		begin := time.Now()
		err := r.Go(t.Context(), "it", nothing)
		require.ErrorIs(t, err, runner.ErrMaxWait)
		require.ErrorIs(t, err, runner.ErrQueueFull)
		require.Equal(t, 3*time.Second, time.Since(begin))
		require.Equal(t, runner.ReasonMaxWait, only(t, rec, "it").Rejected.Reason)
	})
}

func TestBlockEndsWithTheAskersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour)})
		fill(t, r)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBroken)
		defer cancel()
		err := r.Go(ctx, "it", nothing)
		require.ErrorIs(t, err, errBroken)
		require.ErrorIs(t, err, runner.ErrQueueFull)
		require.Equal(t, runner.ReasonCanceled, only(t, rec, "it").Rejected.Reason)
		requireBalanced(t, r.Stats())
	})
}

func TestBlockEndsWithShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour)})
		fill(t, r)
		got := make(chan error, 1)
		go func() { got <- r.Go(t.Context(), "it", nothing) }()
		synctest.Wait()
		go func() { _, _ = r.Shutdown(t.Context()) }()
		require.ErrorIs(t, <-got, runner.ErrClosed)
	})
}

// A place is granted, and before the asker has seen it the runner is closed
// and empty. Which of them comes first is left to chance, often enough for
// each order to happen.
func TestBlockGrantedAPlaceAtTheMomentOfShutdown(t *testing.T) {
	for i := range 3000 {
		r, err := runner.New(runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Minute)})
		require.NoError(t, err)
		g := newGate(t)
		closing := make(chan struct{})
		require.NoError(t, r.Go(t.Context(), "worker", g.wait))
		<-g.entered
		require.NoError(t, r.Go(t.Context(), "place", func(context.Context) error { close(closing); return nil }))
		waiting := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { close(waiting); _ = r.Go(t.Context(), "it", nothing) })
		<-waiting
		for range i % 16 {
			runtime.Gosched()
		}
		g.release()
		<-closing
		report := drain(t, r)
		require.Empty(t, report.Lost)
		wg.Wait()
		s := r.Stats()
		require.Equal(t, s.Asked, s.Outcomes.Total(), "nothing is left behind: %+v", s)
	}
}

func TestBlockNeverWaitsInsideACallback(t *testing.T) {
	r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour)})
	got := make(chan error, 2)
	require.NoError(t, r.Go(t.Context(), "outer", func(ctx context.Context) error {
		got <- runner.After(ctx, "fits", nothing)
		got <- runner.After(ctx, "does-not", nothing)
		return nil
	}))
	require.NoError(t, <-got)
	err := <-got
	require.ErrorIs(t, err, runner.ErrNested)
	require.ErrorIs(t, err, runner.ErrQueueFull)
	require.Equal(t, runner.ReasonNested, only(t, rec, "does-not").Rejected.Reason)
}

func TestDropOldestEvictsTheLongestDue(t *testing.T) {
	r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.DropOldest})
	occupy(t, r, "running")
	for _, name := range []string{"first", "second", "third"} {
		require.NoError(t, r.Go(t.Context(), name, nothing))
	}
	require.Equal(t, map[string][]runner.Outcome{"first": {runner.OutcomeDropped}}, outcomes(rec))
	finished := only(t, rec, "first").Finished
	require.ErrorIs(t, finished.Err, runner.ErrEvicted)
	require.Zero(t, finished.Duration())
	require.Zero(t, finished.QueueWait(), "it never started")
	require.Equal(t, 2, r.Stats().Depth)
	requireBalanced(t, r.Stats())
}

func TestDropOldestLeavesCallbacksOfOpenResponsesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.DropOldest})
		g := occupy(t, r, "worker")
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "reserved", nothing))
		for range 5 {
			require.NoError(t, r.Go(t.Context(), "it", nothing))
		}
		require.Len(t, rec.Outcomes("it"), 4, "each makes room for the next")
		require.Empty(t, rec.Outcomes("reserved"))
		release(nil)
		synctest.Wait()
		require.Len(t, rec.Outcomes("it"), 5, "it makes room for itself when it is due")
		g.release()
		synctest.Wait()
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("reserved"))
	})
}

func TestDropOldestEvictsNobodyBeforeTheNewerOneIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.DropOldest})
		g := occupy(t, r, "worker")
		for _, name := range []string{"first", "second"} {
			require.NoError(t, r.Go(t.Context(), name, nothing))
		}
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "open", nothing))
		other, releaseOther := r.Scope(t.Context())
		require.NoError(t, runner.AfterAll(other, callsOf("a b")...))
		require.Empty(t, outcomes(rec), "which ones they evict is decided later")
		release(nil)
		synctest.Wait()
		dropped, success := runner.OutcomeDropped, runner.OutcomeSuccess
		require.Equal(t, map[string][]runner.Outcome{"first": {dropped}}, outcomes(rec))
		releaseOther(nil)
		synctest.Wait()
		require.Equal(t, map[string][]runner.Outcome{"first": {dropped}, "second": {dropped}, "open": {dropped}}, outcomes(rec))
		require.Equal(t, 2, r.Stats().Depth)
		g.release()
		synctest.Wait()
		require.Equal(t, []runner.Outcome{success}, rec.Outcomes("a"))
		require.Equal(t, []runner.Outcome{success}, rec.Outcomes("b"))
	})
}

// The server calls ConnState on the connection's goroutine, which serves the next request.
func TestTheServerDoesNotWaitForTheObserversOfWhatIsEvicted(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		evicted, leave := make(chan string, 10), make(chan struct{})
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.DropOldest, Observers: []runner.Observer{{
			Finished: func(_ context.Context, info runner.FinishedInfo) {
				if info.Outcome == runner.OutcomeDropped {
					evicted <- info.Name
					<-leave
				}
			},
		}}})
		occupy(t, r, "worker")
		require.NoError(t, r.Go(t.Context(), "oldest", nothing))
		conns := make(chan string, 2)
		srv := serve(t, r, bind, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			conns <- req.RemoteAddr
			if req.URL.Path == "/ask" {
				if err := runner.After(req.Context(), "newer", nothing); err != nil {
					t.Error(err)
				}
			}
		}))
		defer sync.OnceFunc(func() { close(leave) })()
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 1}}
		defer client.CloseIdleConnections()
		ask := func(path string) {
			res, err := client.Get(srv.URL + path)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, res.Body)
			require.NoError(t, res.Body.Close())
		}
		ask("/ask")
		require.Equal(t, "oldest", <-evicted)
		ask("/next")
		first, second := <-conns, <-conns
		require.Equal(t, first, second, "on the same connection")
	})
}

// valueContext calls its user's code when it is asked for a value.
type valueContext struct {
	context.Context
	value func()
}

func (c valueContext) Value(key any) any { c.value(); return c.Context.Value(key) }

func TestNoLockIsHeldWhileTheAskersContextIsAskedForAValue(t *testing.T) {
	for _, o := range []runner.Overflow{runner.Reject, runner.Block(time.Millisecond), runner.DropOldest} {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: o})
		fill(t, r)
		_ = r.Go(valueContext{t.Context(), func() { r.Stats() }}, "it", nothing)
	}
}

func TestAnEvictedCallbackEndsAfterItWasAskedFor(t *testing.T) {
	var wrong atomic.Int64
	r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.DropOldest, Observers: []runner.Observer{{
		Finished: func(_ context.Context, i runner.FinishedInfo) {
			if i.Finished.Before(i.Asked) || i.Finished.Before(i.Due) {
				wrong.Add(1)
			}
		},
	}}})
	g := occupy(t, r, "worker")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5000 {
				_ = r.Go(t.Context(), "it", nothing)
			}
		})
	}
	wg.Wait()
	g.release()
	require.Zero(t, wrong.Load())
}

func TestOverflowStringsAreHowThePoliciesAreWritten(t *testing.T) {
	require.Equal(t, "Reject Block(1s) DropOldest", runner.Reject.String()+" "+runner.Block(time.Second).String()+" "+runner.DropOldest.String())
}
