package tests

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestObserversSeeTheWayOfACallbackWithItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Name: "shop", Workers: 1, Queue: 9})
		asked := time.Now()
		require.NoError(t, r.Go(t.Context(), "busy", func(context.Context) error { time.Sleep(5 * time.Second); return nil }))
		require.NoError(t, r.Go(t.Context(), "queued", nothing))
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "it", func(context.Context) error { time.Sleep(time.Second); return errBroken }, runner.Timeout(time.Minute)))
		time.Sleep(2 * time.Second)
		release(nil)
		drain(t, r)

		callback := runner.Callback{Runner: "shop", Name: "it", Timeout: time.Minute, Asked: asked}
		started := runner.StartedInfo{Callback: callback, AskedAfter: true, Released: asked.Add(2 * time.Second), Due: asked.Add(2 * time.Second), Started: asked.Add(5 * time.Second), Attempt: 1}
		it, busy := only(t, rec, "it"), only(t, rec, "busy")
		callback.Func, started.Func = it.Accepted.Func, it.Accepted.Func // function_test.go says which
		require.Equal(t, callback, it.Accepted.Callback)
		require.Equal(t, 9, it.Accepted.Capacity)
		require.Equal(t, 1, it.Accepted.Depth, "the queued one waits for a worker; the one that runs and this one do not")
		require.Equal(t, []runner.StartedInfo{started}, it.Started)
		require.Equal(t, &runner.FinishedInfo{StartedInfo: started, Outcome: runner.OutcomeError, Err: errBroken, Finished: asked.Add(6 * time.Second)}, it.Finished)
		require.Equal(t, 2*time.Second, started.ResponseDelay())
		require.Equal(t, 3*time.Second, started.QueueWait())
		require.Equal(t, time.Second, it.Finished.Duration())
		require.False(t, busy.Started[0].AskedAfter)
		require.Zero(t, busy.Started[0].ResponseDelay())
	})
}

func TestObserversHandTheirContextOnToTheCallback(t *testing.T) {
	type key string
	add := func(k key) func(context.Context) context.Context {
		return func(ctx context.Context) context.Context { return context.WithValue(ctx, k, "seen") }
	}
	finished := make(chan context.Context, 1)
	r := newRunner(t, runner.Config{Observers: []runner.Observer{
		{}, // an empty one is fine
		{
			Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context { return add("accepted")(ctx) },
			Started:  func(ctx context.Context, _ runner.StartedInfo) context.Context { return add("started")(ctx) },
		},
		{Started: func(context.Context, runner.StartedInfo) context.Context { return nil }}, // keeps it
		{Finished: func(ctx context.Context, _ runner.FinishedInfo) { finished <- ctx }},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	inside := make(chan context.Context, 1)
	require.NoError(t, r.Go(ctx, "it", func(ctx context.Context) error { inside <- ctx; return nil }))
	cancel()
	for _, ctx := range []context.Context{<-inside, <-finished} {
		require.Equal(t, "seen", ctx.Value(key("accepted")))
		require.Equal(t, "seen", ctx.Value(key("started")))
	}
}

func TestObserversOfAStartSeeNothingOfTheAskersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started []context.Context
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
			Started: func(ctx context.Context, _ runner.StartedInfo) context.Context {
				started = append(started, ctx)
				return nil
			},
		}}})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBroken)
		defer cancel()
		require.NoError(t, r.Go(ctx, "it", func(ctx context.Context) error { return r.Go(ctx, "nested", nothing) }))
		time.Sleep(time.Minute)
		require.NoError(t, r.Go(ctx, "late", nothing))
		drain(t, r)
		require.Len(t, started, 3)
		for _, ctx := range started {
			_, has := ctx.Deadline()
			require.False(t, has)
			require.NoError(t, ctx.Err())
			require.NoError(t, context.Cause(ctx))
			require.Equal(t, context.Canceled, context.Cause(endedContext{ctx}), "not the asker's")
		}
	})
}

// endedContext is somebody's own way to end a context.
type endedContext struct{ context.Context }

func (endedContext) Err() error { return context.Canceled }

func TestFinishedContextIsNotCanceled(t *testing.T) {
	got := make(chan error, 1)
	r := newRunner(t, runner.Config{Observers: []runner.Observer{{
		Finished: func(ctx context.Context, _ runner.FinishedInfo) { got <- ctx.Err() },
	}}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, r.Go(ctx, "it", nothing))
	require.NoError(t, <-got)
}

func TestPanicOfAnObserverIsCountedAndHurtsNothing(t *testing.T) {
	bad := runner.Observer{
		Accepted:      func(context.Context, runner.AcceptedInfo) context.Context { panic("accepted") },
		Rejected:      func(context.Context, runner.RejectedInfo) { panic("rejected") },
		Started:       func(context.Context, runner.StartedInfo) context.Context { panic("started") },
		Finished:      func(context.Context, runner.FinishedInfo) { panic("finished") },
		DrainStarted:  func(context.Context, runner.DrainInfo) context.Context { panic("drain") },
		DrainFinished: func(context.Context, runner.Report) { panic("drained") },
	}
	var rec runnertest.Recorder
	r, err := runner.New(runner.Config{Observers: []runner.Observer{bad, rec.Observer()}})
	require.NoError(t, err)
	require.NoError(t, r.Go(t.Context(), "it", nothing))
	drain(t, r)
	require.ErrorIs(t, r.Go(t.Context(), "late", nothing), runner.ErrClosed)

	require.Equal(t, uint64(6), r.Stats().ObserverPanics)
	require.Equal(t, map[string][]runner.Outcome{"it": {runner.OutcomeSuccess}, "late": {runner.OutcomeRejected}}, outcomes(&rec))
	require.Len(t, only(t, &rec, "it").Started, 1)
	require.Len(t, rec.Drains(), 1)
}

func TestACallbackIsDueWithItsScopeAlthoughItsAcceptanceIsStillObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := runner.Observer{Accepted: func(context.Context, runner.AcceptedInfo) context.Context { time.Sleep(10 * time.Second); return nil }}
		r, rec := recorded(t, runner.Config{Observers: []runner.Observer{slow}})
		ctx, release := r.Scope(t.Context())
		begin := time.Now()
		go func() { _ = runner.After(ctx, "it", nothing) }()
		time.Sleep(5 * time.Second)
		release(nil)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		started := only(t, rec, "it").Started[0]
		require.Equal(t, begin.Add(5*time.Second), started.Due)
		require.Equal(t, 5*time.Second, started.QueueWait())
	})
}

// The clock is read before the lock is had, so the order of the two is none.
func TestNothingStartsBeforeItIsDueNorEndsBeforeItStarts(t *testing.T) {
	var early atomic.Int32
	r := newRunner(t, runner.Config{Workers: 16, Queue: 1000, Observers: []runner.Observer{{
		Started: func(_ context.Context, info runner.StartedInfo) context.Context {
			if info.QueueWait() < 0 || info.ResponseDelay() < 0 {
				early.Add(1)
			}
			return nil
		},
		Finished: func(_ context.Context, info runner.FinishedInfo) {
			if info.Duration() < 0 || info.Due.Before(info.Released) || info.Finished.Before(info.Asked) {
				early.Add(1)
			}
		},
	}}})
	var asking sync.WaitGroup
	for range 32 {
		asking.Go(func() {
			for range 1000 {
				ctx, release := r.Scope(t.Context())
				_ = runner.After(ctx, "it", nothing) // some are rejected
				release(nil)
			}
		})
	}
	asking.Wait()
	drain(t, r)
	require.Zero(t, early.Load())
}

func TestHighWaterKnowsADepthThatNobodyHasChangedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 100})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "busy", g.wait, runner.Timeout(-1)))
		for range 100 {
			require.NoError(t, r.Go(t.Context(), "it", nothing))
		}
		time.Sleep(130 * time.Second)
		g.release()
		synctest.Wait()
		time.Sleep(time.Second)
		require.Equal(t, 100, r.Stats().HighWater)
	})
}

func TestStatsSayHowLongAndHowFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2, Queue: 10})
		require.Zero(t, r.Stats().OldestDue)
		require.Zero(t, r.Stats().OldestRunning)
		begin := time.Now()
		g := newGate(t)
		for range 2 {
			require.NoError(t, r.Go(t.Context(), "it", g.wait))
		}
		time.Sleep(3 * time.Second)
		for range 4 {
			require.NoError(t, r.Go(t.Context(), "it", nothing))
		}
		time.Sleep(2 * time.Second)
		s := r.Stats()
		require.Equal(t, begin, s.OldestRunning)
		require.Equal(t, begin.Add(3*time.Second), s.OldestDue)
		require.Equal(t, 10*time.Second, s.BusyTime)
		require.Equal(t, 2, s.Busy)
		require.Equal(t, 2, s.Running)
		require.Equal(t, 4, s.Queued)

		g.release()
		synctest.Wait()
		time.Sleep(50 * time.Second)
		s = r.Stats()
		require.Equal(t, 10*time.Second, s.BusyTime, "it stands still while nothing runs")
		require.Zero(t, s.Busy)
		require.Equal(t, 4, s.HighWater, "a peak stays visible for a minute")
		time.Sleep(2 * time.Minute)
		require.Zero(t, r.Stats().HighWater)

		ctx, release := r.Scope(t.Context())
		for range 5 {
			require.NoError(t, runner.After(ctx, "it", nothing))
		}
		release(nil)
		synctest.Wait()
		require.Equal(t, 3, r.Stats().HighWater, "of five, two found a worker: a peak that came and went between two looks")
	})
}

// A callback that its limit holds back is old, and says nothing of the queue.
// A goroutine that leaks once must not hide, for ever after, how long the others run.
func TestBusyTimeNeverGoesBack(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 4, Overflow: runner.Block(time.Minute)})
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = r.Go(t.Context(), "it", nothing)
			}
		}
	}()
	last := time.Duration(0)
	for range 20_000 {
		now := r.Stats().BusyTime
		require.GreaterOrEqual(t, now, last)
		last = now
	}
	close(stop)
	<-stopped
}

func TestAnObserverThatCallsGoexitHoldsNothingUp(t *testing.T) {
	exit := func() { runtime.Goexit() }
	for name, o := range map[string]runner.Observer{
		"Accepted": {Accepted: func(context.Context, runner.AcceptedInfo) context.Context { exit(); return nil }},
		"Started":  {Started: func(context.Context, runner.StartedInfo) context.Context { exit(); return nil }},
		"Retried":  {Retried: func(context.Context, runner.RetriedInfo) { exit() }},
		"Stuck":    {Stuck: func(context.Context, runner.StuckInfo) { exit() }},
		"Finished": {Finished: func(context.Context, runner.FinishedInfo) { exit() }},
		"drain": {
			DrainStarted:  func(context.Context, runner.DrainInfo) context.Context { exit(); return nil },
			DrainFinished: func(context.Context, runner.Report) { exit() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Workers: 1, Timeout: time.Second, Observers: []runner.Observer{o}})
				for range 3 {
					go func() {
						_ = r.Go(t.Context(), "it", func(context.Context) error { time.Sleep(4 * time.Second); return errBroken }, runner.RetryBackoff(2, every(0)))
					}()
				}
				time.Sleep(time.Hour)
				require.Equal(t, uint64(3), r.Stats().Outcomes.Total())
				begin := time.Now()
				drain(t, r)
				require.Zero(t, time.Since(begin))
			})
		})
	}
}

// A worker reads its clock before it has the lock, and so before it sees what has
// become due meanwhile.
func TestNoCallbackIsToldToHaveStartedBeforeItWasDue(t *testing.T) {
	var wrong atomic.Int64
	r := newRunner(t, runner.Config{Workers: 2, Queue: 100, Observers: []runner.Observer{{
		Finished: func(_ context.Context, i runner.FinishedInfo) {
			if i.Started.Before(i.Due) || i.Finished.Before(i.Started) {
				wrong.Add(1)
			}
		},
	}}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20_000 {
				_ = r.Go(t.Context(), "it", nothing)
			}
		})
	}
	wg.Wait()
	drain(t, r)
	require.Zero(t, wrong.Load())
}
