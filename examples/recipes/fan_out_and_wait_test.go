package recipes_test

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestSendAllSendsToAllAtOnceWaitsAndNamesWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Workers: 10}, runnertest.FailOn())
		receivers := make([]string, 30)
		for i := range receivers {
			receivers[i] = strconv.Itoa(i)
		}
		var sent atomic.Int32
		begin := time.Now()
		err := recipes.SendAll(t.Context(), rt.Runner, receivers, func(_ context.Context, to string) error {
			time.Sleep(time.Second)
			switch to {
			case "7":
				return errors.New("no such mailbox")
			case "8":
				panic("oh")
			}
			sent.Add(1)
			return nil
		})
		require.EqualError(t, err, "7: no such mailbox\n8: it did not come to its end")
		require.Equal(t, int32(28), sent.Load())
		require.Equal(t, 3*time.Second, time.Since(begin), "ten at once")
	})
}

func TestSendAllSendsItselfWhatTheRunnerHasNoPlaceFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Queue: 1, MaxReserved: 2}, runnertest.FailOn())
		sent := make(map[string]bool)
		receivers := []string{"a", "b", "c", "d"}
		require.NoError(t, recipes.SendAll(t.Context(), rt.Runner, receivers, func(_ context.Context, to string) error {
			sent[to] = true
			return nil
		}))
		require.Len(t, sent, len(receivers))
		require.NotZero(t, rt.Stats().Outcomes[runner.OutcomeRejected])
	})
}
