package recipes_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestAnalyticsAreSentBySizeOrTimeAndAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		begin := time.Now()
		var sizes []int
		var at []time.Duration
		a := &recipes.Analytics{Runner: rt.Runner, Size: 3, Wait: time.Second, Send: func(_ context.Context, batch []recipes.Event) error {
			sizes, at = append(sizes, len(batch)), append(at, time.Since(begin))
			return nil
		}}
		add := func(n int) {
			for i := range n {
				require.NoError(t, a.Add(recipes.Event{Name: "view", User: strconv.Itoa(i)}))
			}
			rt.WaitIdle()
		}
		add(3) // by size
		add(2)
		time.Sleep(5 * time.Second) // by time, one second after the first of the two
		add(4)                      // three by size, and one stays
		_, err := rt.Shutdown(t.Context())
		require.NoError(t, err)
		time.Sleep(5 * time.Second) // its timer finds the runner closed
		synctest.Wait()
		require.NoError(t, a.Close(t.Context()))
		require.Equal(t, []int{3, 2, 3, 1}, sizes)
		require.Equal(t, []time.Duration{0, time.Second, 5 * time.Second, 10 * time.Second}, at)
	})
}

func TestAnalyticsThatFindNoRoomAreKeptUpToABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Queue: 1}, runnertest.FailOn())
		free := make(chan struct{})
		block := func(context.Context) error { <-free; return nil }
		require.NoError(t, rt.Go(t.Context(), "busy", block)) // takes the worker
		synctest.Wait()
		require.NoError(t, rt.Go(t.Context(), "busy", block)) // takes the only place
		sent := 0
		a := &recipes.Analytics{Runner: rt.Runner, Size: 2, Wait: time.Second, Send: func(_ context.Context, batch []recipes.Event) error {
			sent += len(batch)
			return nil
		}}
		for range 200 {
			require.NoError(t, a.Add(recipes.Event{}))
		}
		require.ErrorIs(t, a.Add(recipes.Event{}), recipes.ErrTooManyEvents)
		close(free)
		rt.WaitIdle()
		time.Sleep(time.Second)
		synctest.Wait() // the timer has tried again
		rt.WaitIdle()
		require.Equal(t, 200, sent)
	})
}
