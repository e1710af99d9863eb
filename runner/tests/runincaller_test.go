package tests

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestRunInCallerHoldsTheCallerUp(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.RunInCaller})
	fill(t, r)
	ran := false
	require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { ran = true; return nil }))
	require.True(t, ran, "Go returns when the callback has ended")
}

func TestRunInCallerStillRunsAfterTheResponse(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.RunInCaller})
	fill(t, r)
	ctx, release := r.Scope(t.Context())
	var order []string
	for _, name := range []string{"a", "b"} {
		require.NoError(t, runner.After(ctx, name, func(context.Context) error { order = append(order, name); return nil }))
	}
	require.Error(t, runner.After(ctx, "beyond", nothing), "a second queue's worth is the limit")
	require.Empty(t, order)
	release()
	require.Equal(t, []string{"a", "b"}, order)
}

func TestRunInCallerUsesAPlaceThatHasBecomeFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.RunInCaller})
		g := fill(t, r)
		ctx, release := r.Scope(t.Context())
		hold := newGate(t)
		require.NoError(t, runner.After(ctx, "it", hold.wait))
		g.release()
		synctest.Wait()
		release() // would not return if it ran here
		hold.release()
		synctest.Wait()
		require.Zero(t, r.Stats().Depth)
		requireBalanced(t, r.Stats())
	})
}

func TestRunInCallerSurvivesPanicAndGoexitOfTheCallback(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.RunInCaller})
	fill(t, r)
	require.NoError(t, r.Go(t.Context(), "goexit", func(context.Context) error { runtime.Goexit(); return nil }))
	require.NoError(t, r.Go(t.Context(), "panic", func(context.Context) error { panic("boom") }))
	s := r.Stats()
	require.Equal(t, uint64(1), s.Outcomes[runner.Failed])
	require.Equal(t, uint64(1), s.Outcomes[runner.Panicked])
}

// The attempts after the first are run by workers, and one may have ended before
// the goroutine of the first is done.
func TestRunInCallerReturnsHoweverSoonTheNextAttemptEnds(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 8, Overflow: runner.RunInCaller})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 2000 {
				failed := false
				_ = r.Go(t.Context(), "retried", func(context.Context) error {
					if failed {
						return nil
					}
					failed = true
					return errBroken
				}, runner.Retry(2, func(int) time.Duration { return 0 }))
				r.Stats()
			}
		})
	}
	returned := make(chan struct{})
	go func() { wg.Wait(); close(returned) }()
	select {
	case <-returned:
	case <-time.After(20 * time.Second):
		require.Fail(t, "a caller is held up for ever")
	}
}

func TestRunInCallerDoesNotNestWithoutEnd(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.RunInCaller})
	fill(t, r)
	runs := 0
	var again func(ctx context.Context) error
	again = func(ctx context.Context) error {
		runs++
		return r.Go(ctx, "again", again)
	}
	require.NoError(t, r.Go(t.Context(), "again", again))
	require.Equal(t, 1, runs)
}

func TestRunInCallerIsBoundedWhateverContextItIsAskedWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.RunInCaller})
		g := fill(t, r)
		hold := newGate(t)
		var refused atomic.Int32
		for range 20 {
			go func() {
				if r.Go(t.Context(), "it", hold.wait) != nil {
					refused.Add(1)
				}
			}()
		}
		synctest.Wait()
		require.Equal(t, 3, r.Stats().Running, "one worker and a queue's worth")
		require.Equal(t, int32(18), refused.Load())
		hold.release()
		g.release()

		depth := 0
		var deeper func(context.Context) error
		deeper = func(context.Context) error { depth++; return r.Go(context.Background(), "deeper", deeper) }
		synctest.Wait()
		fill(t, r)
		require.NoError(t, r.Go(t.Context(), "deeper", deeper))
		require.Equal(t, 2, depth)
	})
}
