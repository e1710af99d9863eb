package recipes_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
)

func TestACommandsCallbacksRunWhenItHasDoneItsWork(t *testing.T) {
	failed := errors.New("the disk is full")
	for want, steps := range map[error][]string{nil: {"write", "clean up", "notify"}, failed: {"write", "clean up"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		var did []string
		step := func(name string) func(context.Context) error {
			return func(ctx context.Context) error { did = append(did, name); return ctx.Err() }
		}
		err := recipes.RunCommand(ctx, runner.Config{Workers: 1}, func(ctx context.Context, _ *runner.Runner) error {
			if err := runner.After(ctx, "clean.up", step("clean up")); err != nil {
				return err
			}
			if err := runner.After(ctx, "notify", step("notify"), runner.When(runner.Request.Succeeded)); err != nil {
				return err
			}
			did = append(did, "write")
			interrupt() // the callbacks run all the same
			return want
		})
		require.ErrorIs(t, err, want)
		require.Equal(t, steps, did)
	}
}
