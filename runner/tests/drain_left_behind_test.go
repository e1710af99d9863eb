package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A goroutine that a callback has left behind is not what the drain waits for, however
// the callback has ended. It sleeps in a bubble only.
func TestACallbackThatHasTimedOutAndReturnedAsksNoMoreInADrain(t *testing.T) {
	eachAsk(t, runner.Config{Workers: 2, Timeout: -1}, func(t *testing.T, r *runner.Runner, ask asks) {
		inside := make(chan context.Context, 1)
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			inside <- ctx
			time.Sleep(2 * time.Second)
			return nil
		}, runner.Timeout(time.Second)))
		kept := <-inside
		time.Sleep(3 * time.Second)
		require.ErrorIs(t, context.Cause(kept), runner.ErrTimeout)
		require.NoError(t, r.Go(t.Context(), "slow", func(context.Context) error { time.Sleep(5 * time.Second); return nil }))
		drained := make(chan runner.Report, 1)
		go func() {
			report, _ := r.Shutdown(context.Background())
			drained <- report
		}()
		synctest.Wait()
		require.ErrorIs(t, ask(context.WithoutCancel(kept), "late", nothing), runner.ErrClosed)
		require.Equal(t, 1, (<-drained).Pending)
	})
}

// One that has timed out and still runs is what the drain waits for. It sleeps in a
// bubble only.
func TestACallbackThatHasTimedOutAndStillRunsMayAskInADrain(t *testing.T) {
	eachAsk(t, runner.Config{Timeout: time.Second}, func(t *testing.T, r *runner.Runner, ask asks) {
		asked := make(chan error, 1)
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			time.Sleep(2 * time.Second)
			asked <- ask(context.WithoutCancel(ctx), "next", nothing)
			return nil
		}))
		require.Equal(t, 2, drain(t, r).Completed)
		require.NoError(t, <-asked)
	})
}

func TestWhatACallbackLeavesBehindKeepsNoDrainOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2})
		stop := make(chan struct{})
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			go func() {
				for !isDraining(stop) {
					time.Sleep(5 * time.Second)
					_ = r.Go(ctx, "push", nothing) // until the drain begins
				}
			}()
			time.Sleep(2 * time.Second)
			return nil
		}, runner.Timeout(time.Second)))
		time.Sleep(3 * time.Second)
		scoped, _ := r.Scope(t.Context())
		require.NoError(t, runner.After(scoped, "never.released", nothing))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		defer time.AfterFunc(time.Hour, cancel).Stop() // otherwise the test would not end
		report, err := r.Shutdown(ctx)
		require.ErrorContains(t, err, "stayed open for 10s")
		require.Equal(t, 10*time.Second, report.Duration)
		require.Len(t, report.Lost, 1)
		close(stop)
		time.Sleep(10 * time.Second)
	})
}
