package tests

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestAQueueThatStandsStillIsCritical(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 2, Queue: 100, MaxStuck: 1})
		g := newGate(t)
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "hangs", g.hangHere, runner.Timeout(time.Second)))
		}
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		time.Sleep(3*time.Minute + 10*time.Second)
		v, ok := look(t, c).of("AfterglowOldestTooOld")
		require.True(t, ok)
		require.Equal(t, "warning", v.Level)
		time.Sleep(4 * time.Minute)
		o := look(t, c)
		require.Equal(t, "critical", o.Level)
		_, ok = o.of("AfterglowQueueStuck")
		require.True(t, ok)
		g.release()
	})
}

func TestLongWorkWithinItsTimeoutIsNoStandstill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 1})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "report", g.hangHere, runner.Timeout(time.Hour)))
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		time.Sleep(10 * time.Minute)
		o := look(t, c)
		_, ok := o.of("AfterglowQueueStuck")
		require.False(t, ok, o.Verdicts)
		v, ok := o.of("AfterglowOldestTooOld")
		require.True(t, ok)
		require.Regexp(t, `has been due for (9 min 59 s|10 min)$`, v.Text)
		g.release()
	})
}

func TestWorkersWithoutAPauseAreNamedWithTheirBusiest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 2, Queue: 1000})
		for range 20 * 60 {
			for range 3 {
				_ = r.Go(t.Context(), "slow", func(context.Context) error { time.Sleep(time.Second); return nil })
			}
			time.Sleep(time.Second)
			if r.Stats().Depth > 900 {
				break
			}
		}
		v, ok := look(t, c).of("AfterglowWorkersSaturated")
		require.True(t, ok)
		require.Equal(t, "warning", v.Level)
		require.Contains(t, v.Why, "slow takes 100 % of the workers' time")
		require.Contains(t, v.Link, "stacks=1")
	})
}

func TestPlacesThatAreTakenForResponsesNameTheirKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 2, MaxReserved: 10})
		ctx, release := r.Scope(t.Context())
		var last error
		for range 11 {
			last = errors.Join(last, runner.After(ctx, "stream.end", nothing))
		}
		require.ErrorIs(t, last, runner.ErrReservedFull)
		time.Sleep(2 * time.Second)
		v, ok := look(t, c).of("AfterglowReservedFull")
		require.True(t, ok)
		require.Equal(t, "warning", v.Level)
		require.Equal(t, "stream.end", v.Callback)
		require.Contains(t, v.Text, "wait for responses that stay open")
		_, ok = look(t, c).of("AfterglowCallbacksRejected")
		require.False(t, ok, "one alert tells of it")
		release(nil)
	})
}

func TestACallbackNearItsTimeoutIsNamedBeforeItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 8})
		for range 30 {
			require.NoError(t, r.Go(t.Context(), "slow", func(context.Context) error { time.Sleep(900 * time.Millisecond); return nil }, runner.Timeout(time.Second)))
			time.Sleep(time.Second)
		}
		v, ok := look(t, c).of("slow takes 9")
		require.True(t, ok)
		require.Equal(t, "watch", v.Level)
	})
}

func TestAShutdownThatLosesWorkIsSaidAndOneThatDoesNotIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 1})
		require.NoError(t, r.Go(t.Context(), "it", nothing))
		_, err := r.Shutdown(t.Context())
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		o := look(t, c)
		require.Equal(t, "ok", o.Level)
		require.Equal(t, "shop was shut down, and nothing was lost", o.Headline)
		require.Equal(t, "shut down", o.Runners[0].State)

		other := newRunner(t, c, runner.Config{Name: "mail", Workers: 1})
		g := newGate(t)
		require.NoError(t, other.Go(t.Context(), "hangs", g.hangHere, runner.Ref("order 7")))
		require.NoError(t, other.Go(t.Context(), "waits", nothing))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = other.Shutdown(ctx)
		require.Error(t, err)
		time.Sleep(2 * time.Second)
		o = look(t, c)
		require.Equal(t, "warning", o.Level, o.Verdicts)
		require.Equal(t, "The shutdown of mail lost 2 callbacks", o.Headline)
		page := get(t, c, "/drains")
		for _, want := range []string{"hangs", "order 7", "abandoned", "dropped", "hangHere"} {
			require.Contains(t, page, want)
		}
		require.Contains(t, get(t, c, "/left"), "given up by a drain", "its goroutine lives on")
		g.release()
		synctest.Wait()
	})
}
