package tests

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestAnErrorThatSaysWhenWaitsThatLongAndNotTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1})
		begin := time.Now()
		var ran []time.Duration
		var asked []int // attempts that the backoff was asked for
		answers := []error{
			fmt.Errorf("webhook: %w", runner.RetryIn(errBroken, 42*time.Second)),
			errBroken,
			runner.RetryIn(errBroken, -time.Second),
			runner.RetryIn(runner.RetryIn(errBroken, time.Hour), 3*time.Second), // the outermost counts
			nil,
		}
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
			ran = append(ran, time.Since(begin))
			return answers[len(ran)-1]
		}, runner.RetryBackoff(len(answers), func(n int) time.Duration {
			asked = append(asked, n)
			return time.Second
		})))
		drain(t, r)
		require.Equal(t, []time.Duration{0, 42 * time.Second, 43 * time.Second, 43 * time.Second, 46 * time.Second}, ran)
		require.Equal(t, []int{2}, asked)
		it := only(t, rec, "it")
		require.Equal(t, 42*time.Second, it.Retried[0].Wait)
		require.ErrorIs(t, it.Retried[0].Err, errBroken)
	})
}

func TestAnErrorThatSaysWhenMakesNoAttemptOfItsOwn(t *testing.T) {
	for name, err := range map[string]error{
		"the last attempt": runner.RetryIn(errBroken, time.Second),
		"permanent":        runner.Permanent(runner.RetryIn(errBroken, time.Second)),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{Workers: 1})
				attempts := map[string]int{"the last attempt": 1, "permanent": 5}[name]
				require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return err }, runner.Retry(attempts)))
				drain(t, r)
				require.Len(t, only(t, rec, "it").Started, 1)
			})
		})
	}
}

func TestTheMarkOfAWaitCanBeReadAndKeepsTheError(t *testing.T) {
	require.NoError(t, runner.RetryIn(nil, time.Second))
	err := runner.RetryIn(errBroken, time.Second)
	require.ErrorIs(t, err, errBroken)
	require.EqualError(t, err, errBroken.Error())
	wait, ok := runner.RetryWait(fmt.Errorf("again: %w", err))
	require.True(t, ok)
	require.Equal(t, time.Second, wait)
	_, ok = runner.RetryWait(errBroken)
	require.False(t, ok)
	_, ok = runner.RetryWait(nil)
	require.False(t, ok)
}
