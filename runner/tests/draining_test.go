package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// isDraining reports whether the channel is closed.
func isDraining(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// poll is a callback that works in a loop until the runner drains.
func poll(ctx context.Context) error {
	for {
		select {
		case <-runner.Draining(ctx):
			return ctx.Err() // nil: the drain waits for it
		case <-time.After(time.Minute):
		}
	}
}

func TestALoopEndsWhenTheDrainBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Timeout: -1})
		require.NoError(t, r.Go(t.Context(), "poll", poll))
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "poll", poll))
		release(nil)
		go func() { _ = r.Do(t.Context(), "poll", poll) }()
		time.Sleep(time.Hour)
		require.Equal(t, 3, r.Stats().Running)

		begin := time.Now()
		report := drain(t, r)
		require.Zero(t, time.Since(begin))
		require.Equal(t, 3, report.Completed)
		success := runner.OutcomeSuccess
		require.Equal(t, []runner.Outcome{success, success, success}, rec.Outcomes("poll"))
	})
}

func TestDrainingIsKnownToContextsOfTheCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		var seen []bool
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			scope, release := r.Scope(ctx)
			release(nil)
			note := func() {
				for _, c := range []context.Context{ctx, derived, scope, context.WithoutCancel(ctx)} {
					seen = append(seen, isDraining(runner.Draining(c)))
				}
			}
			note()
			<-runner.Draining(ctx)
			note()
			return nil
		}))
		synctest.Wait()
		drain(t, r)
		require.Equal(t, []bool{false, false, false, false, true, true, true, true}, seen)
	})
}

// Of two runners only the one that runs the callback counts.
func TestDrainingIsThatOfTheCallbacksOwnRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, other := newRunner(t, runner.Config{}), newRunner(t, runner.Config{})
		ctx, release := other.Scope(t.Context())
		var before, after bool
		require.NoError(t, own.Go(ctx, "it", func(ctx context.Context) error {
			release(nil)
			_, err := other.Shutdown(context.Background())
			before = isDraining(runner.Draining(ctx))
			<-runner.Draining(ctx)
			after = isDraining(runner.Draining(ctx))
			return err
		}))
		synctest.Wait()
		drain(t, own)
		require.False(t, before)
		require.True(t, after)
	})
}

func TestNothingDrainsOutsideACallback(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ctx, release := r.Scope(t.Context())
	release(nil)
	require.Nil(t, runner.Draining(ctx))
	require.Nil(t, runner.Draining(t.Context()))
	drain(t, r)
	require.Nil(t, runner.Draining(ctx))
}
