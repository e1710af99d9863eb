package tests

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestAStuckCallbackIsCountedWhenItsTimeIsOverAndLookedForOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		told := make(map[time.Duration]int)
		r := newRunner(t, runner.Config{Workers: 50, Observers: []runner.Observer{{
			Stuck: func(_ context.Context, i runner.StuckInfo) {
				mu.Lock()
				defer mu.Unlock()
				told[time.Since(start)]++
				assert.Equal(t, i.Timeout+time.Second, i.Ran)
				assert.Contains(t, i.Stack, "(*gate).wait")
			},
		}}})
		g := newGate(t)
		for i := range 40 {
			require.NoError(t, r.Go(t.Context(), "it", g.wait, runner.Timeout(time.Duration(1+i*37)*time.Millisecond)))
		}
		require.NoError(t, r.Go(t.Context(), "no-timeout", g.wait, runner.Timeout(-1)))
		for i := range 40 {
			time.Sleep(time.Until(start.Add(time.Second + time.Duration(1+i*37)*time.Millisecond)))
			synctest.Wait()
			require.Equal(t, i+1, r.Stats().Stuck)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		first := time.Second + time.Millisecond
		require.Equal(t, map[time.Duration]int{first: 1, first + time.Second: 27, first + 2*time.Second: 12}, told)
	})
}

func TestAStuckCallbackThatEndsBeforeTheLookHoldsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var events []string
		add := func(event string, info runner.StartedInfo) {
			mu.Lock()
			defer mu.Unlock()
			events = append(events, fmt.Sprintf("%s %s %v", info.Name, event, time.Since(start)))
		}
		r := newRunner(t, runner.Config{Timeout: time.Second, Observers: []runner.Observer{{
			Stuck: func(_ context.Context, i runner.StuckInfo) {
				add("stuck", i.StartedInfo)
				assert.Equal(t, i.Name == "first", i.Stack != "")
			},
			Finished: func(_ context.Context, i runner.FinishedInfo) { add("finished", i.StartedInfo) },
		}}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "first", g.wait))
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, r.Go(t.Context(), "second", func(context.Context) error { time.Sleep(2200 * time.Millisecond); return nil }))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"first stuck 2s", "second stuck 2.3s", "second finished 2.3s"}, events)
		require.Equal(t, 1, r.Stats().Stuck)
		g.release()
	})
}

func TestADrainDoesNotWaitForTheNextLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var told []time.Duration
		r := newRunner(t, runner.Config{Timeout: time.Second, Observers: []runner.Observer{{
			Stuck: func(_ context.Context, i runner.StuckInfo) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, time.Since(start))
				assert.Contains(t, i.Stack, "(*gate).wait")
			},
		}}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "a", g.wait))
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, r.Go(t.Context(), "b", g.wait))
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, r.Go(t.Context(), "c", g.wait))
		time.Sleep(1950 * time.Millisecond) // 2.15 s: a was looked at, b is found, c is not
		ended := make(chan error)
		go func() {
			_, err := r.Shutdown(t.Context())
			ended <- err
		}()
		time.Sleep(time.Second)
		g.release()
		require.NoError(t, <-ended)
		require.Equal(t, []time.Duration{2 * time.Second, 2150 * time.Millisecond, 2200 * time.Millisecond}, told)
	})
}
