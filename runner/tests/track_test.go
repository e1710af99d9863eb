package tests

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestTrackCountsAndAwaitsWorkUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1})
		ctx, done, err := r.Track(t.Context(), "import", runner.Timeout(time.Minute))
		require.NoError(t, err)
		_, has := ctx.Deadline()
		require.True(t, has)
		s := r.Stats()
		require.Equal(t, 1, s.Running)
		require.Zero(t, s.Busy+s.Depth, "it takes no worker and no place")
		requireBalanced(t, s)
		ran := false
		require.NoError(t, runner.After(ctx, "nested", func(context.Context) error { ran = true; return nil }))
		go func() {
			time.Sleep(10 * time.Second)
			done(errBroken)
			done(nil)
		}()
		report := drain(t, r)
		require.Equal(t, 10*time.Second, report.Duration)
		require.True(t, ran)
		require.Equal(t, map[string][]runner.Outcome{"import": {runner.Failed}, "nested": {runner.Success}}, outcomes(rec))
		require.Equal(t, 10*time.Second, only(t, rec, "import").Finished.Duration())
		require.Error(t, ctx.Err())
	})
}

func TestTrackedWorkThatNeverEndsIsAbandonedByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		tracked, _, err := r.Track(t.Context(), "import")
		require.NoError(t, err)
		report := giveUp(t, r)
		require.Equal(t, "import", report.Lost[0].Name)
		require.Equal(t, runner.Abandoned, report.Lost[0].Outcome)
		require.ErrorIs(t, context.Cause(tracked), runner.ErrShutdown)
	})
}

func TestTrackRefusesWhatItCannotDo(t *testing.T) {
	r := newRunner(t, runner.Config{})
	_, _, err := r.Track(t.Context(), "not a name")
	require.ErrorIs(t, err, runner.ErrInvalidName)
	_, _, err = r.Track(t.Context(), "it", runner.Retry(2, nil))
	require.ErrorContains(t, err, "no option but Timeout")
	drain(t, r)
	_, _, err = r.Track(t.Context(), "it")
	require.ErrorIs(t, err, runner.ErrClosed)
	requireBalanced(t, r.Stats())
}

// Nobody has got the function that ends it.
func TestAnObserverThatCallsGoexitInTrackEndsTheWork(t *testing.T) {
	for name, o := range map[string]runner.Observer{
		"Accepted": {Accepted: func(context.Context, runner.AcceptedInfo) context.Context { runtime.Goexit(); return nil }},
		"Started":  {Started: func(context.Context, runner.StartedInfo) context.Context { runtime.Goexit(); return nil }},
	} {
		for _, watched := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " watched=", watched), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var errs []error
					last := runner.Observer{Finished: func(_ context.Context, info runner.FinishedInfo) { errs = append(errs, info.Err) }}
					if watched { // by one that has a word while it runs
						last.Overrun = func(context.Context, runner.OverrunInfo) {}
					}
					r := newRunner(t, runner.Config{Observers: []runner.Observer{o, last}})
					go func() { _, _, _ = r.Track(t.Context(), "it") }()
					synctest.Wait()
					require.Equal(t, []error{runner.ErrGoexit}, errs)
					require.Zero(t, drain(t, r).Pending)
				})
			})
		}
	}
}

// Its end may be reported before Track has returned.
func TestTrackBesideADrainThatGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for dropped := uint64(0); dropped < 100; {
		r := newRunner(t, runner.Config{Observers: []runner.Observer{{
			Finished: func(context.Context, runner.FinishedInfo) {},
		}}})
		var tracking sync.WaitGroup
		for range 100 {
			tracking.Go(func() {
				for {
					ctx, done, err := r.Track(t.Context(), "it")
					if err != nil {
						return
					}
					if _, has := ctx.Deadline(); !has {
						t.Error("it has no deadline")
					}
					done(nil)
				}
			})
		}
		runtime.Gosched()
		_, _ = r.Shutdown(ctx)
		tracking.Wait()
		requireBalanced(t, r.Stats())
		dropped += r.Stats().Outcomes[runner.Dropped]
	}
}
