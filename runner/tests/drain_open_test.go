package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// Shutdown without a deadline gives up responses and scopes that stay open. This scope is
// released, and the drain finishes its callbacks.
func TestASlowGateIsNotAnOpenScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2})
		ctx, release := r.Scope(t.Context())
		slow := runner.When(func(runner.Request) bool { time.Sleep(time.Minute); return true })
		require.NoError(t, runner.After(ctx, "gated", nothing, slow))
		require.NoError(t, runner.After(ctx, "behind", nothing))
		release(nil)
		report, err := r.Shutdown(context.Background())
		require.NoError(t, err)
		require.Equal(t, time.Minute, report.Duration)
		require.Equal(t, 2, report.Completed)
	})
}

func TestASlowObserverIsNotAnOpenScope(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *runner.Runner) error{
		"Go": func(ctx context.Context, r *runner.Runner) error { return r.Go(ctx, "it", nothing) },
		"Do": func(ctx context.Context, r *runner.Runner) error { return r.Do(ctx, "it", nothing) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Workers: 2, Observers: []runner.Observer{{
					Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context { time.Sleep(time.Minute); return ctx },
				}}})
				answer := make(chan error, 1)
				go func() { answer <- ask(t.Context(), r) }()
				synctest.Wait()
				report, err := r.Shutdown(context.Background())
				require.NoError(t, err)
				require.Equal(t, time.Minute, report.Duration)
				require.Equal(t, 1, report.Completed)
				require.NoError(t, <-answer)
			})
		})
	}
}
