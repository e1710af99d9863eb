package recipes_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestACallbackCanBeTakenBackUntilItBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		var takeBack, late func() bool
		ran := 0
		fn := func(context.Context) error { ran++; return nil }
		require.NoError(t, rt.Run(func(ctx context.Context) (err error) {
			takeBack, err = recipes.AfterUnlessTakenBack(ctx, "mail.send", fn)
			require.NoError(t, err)
			late, err = recipes.AfterUnlessTakenBack(ctx, "mail.send", fn)
			require.True(t, takeBack())
			return err
		}))
		require.Equal(t, 1, ran)
		require.False(t, takeBack(), "once")
		require.False(t, late(), "it has run")
		require.Equal(t, []runner.Outcome{runner.OutcomeSkipped, runner.OutcomeSuccess}, rt.Recorder.Outcomes("mail.send"))
	})
}

func TestACallbackThatWaitsForAWorkerCanStillBeTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		require.NoError(t, rt.Go(t.Context(), "busy", func(context.Context) error { time.Sleep(time.Second); return nil }))
		synctest.Wait()
		ctx, release := rt.Scope(t.Context())
		takeBack, err := recipes.AfterUnlessTakenBack(ctx, "mail.send", func(context.Context) error { t.Error("it was taken back"); return nil })
		require.NoError(t, err)
		release(nil)
		synctest.Wait()
		require.True(t, takeBack())
		rt.WaitIdle()
	})
}

func TestAnAttemptThatFailedIsFollowedByOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		ran := 0
		require.NoError(t, rt.Run(func(ctx context.Context) error {
			_, err := recipes.AfterUnlessTakenBack(ctx, "mail.send", func(context.Context) error { ran++; return errors.New("451") }, runner.Retry(3))
			return err
		}))
		require.Equal(t, 3, ran)
	})
}
