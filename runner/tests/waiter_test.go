package tests

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// Two calls of one scope wait. When the first one has got the last place that the scope
// may have, the second one can never get one before the scope is released.
func TestACallThatCannotFitHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 4, Overflow: runner.Block(time.Hour), Timeout: -1})
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.AfterAll(ctx, callsOf("a b c")...))
		g := occupy(t, r, "busy")
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		answers := make(chan error, 2)
		for range 2 {
			go func() { answers <- runner.After(ctx, "d", nothing) }()
		}
		synctest.Wait()
		require.Empty(t, answers)

		begin := time.Now()
		g.release()
		err := errors.Join(<-answers, <-answers)
		require.ErrorIs(t, err, runner.ErrQueueFull)
		require.NotErrorIs(t, err, runner.ErrMaxWait)
		require.Equal(t, 4, r.Stats().Reserved, "the other one of the two was accepted")
		require.NoError(t, r.Go(t.Context(), "other", nothing))
		require.Zero(t, time.Since(begin), "nobody has waited for what cannot be")
		release(nil)
		drain(t, r)
	})
}

func TestNoCallWaitsForWhatOnlyTheEndOfItsOwnScopeGives(t *testing.T) {
	for name, ask := range map[string]func(context.Context) error{
		"After": func(ctx context.Context) error {
			return errors.Join(runner.After(ctx, "a", nothing), runner.After(ctx, "a", nothing), runner.After(ctx, "a", nothing))
		},
		"AfterAll": func(ctx context.Context) error { return runner.AfterAll(ctx, callsOf("a a a")...) },
	} {
		for full, c := range map[string]struct {
			cfg  runner.Config
			want error
		}{
			"reserved": {runner.Config{MaxReserved: 4, Overflow: runner.Block(time.Hour)}, runner.ErrReservedFull},
			"queue":    {runner.Config{Queue: 2, Overflow: runner.Block(time.Hour)}, runner.ErrQueueFull},
		} {
			t.Run(name+" "+full, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRunner(t, c.cfg)
					ctx, release := r.Scope(t.Context())
					begin := time.Now()
					require.ErrorIs(t, ask(ctx), c.want)
					require.Zero(t, time.Since(begin))
					release(nil)
				})
			})
		}
	}
}

// Two calls with one key of Once wait. When the first one is accepted, the second one
// needs no place any more.
func TestOnceWaitsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Overflow: runner.Block(time.Hour), Timeout: -1})
		g, next := occupy(t, r, "busy"), newGate(t)
		require.NoError(t, r.Go(t.Context(), "next", next.wait))
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		ctx, release := r.Scope(t.Context())
		answers := make(chan error, 2)
		for range 2 {
			go func() { answers <- runner.After(ctx, "it", nothing, runner.Once("key")) }()
		}
		synctest.Wait()
		require.Empty(t, answers)

		begin := time.Now()
		g.release() // the next one runs: one place is free, and no second one
		require.NoError(t, <-answers)
		require.NoError(t, <-answers)
		require.Zero(t, time.Since(begin))
		require.Equal(t, 1, r.Stats().Reserved)
		require.Equal(t, 1, r.Stats().Depth)
		release(nil)
		next.release()
		drain(t, r)
	})
}

// A function that Do runs inside a callback holds the callback's worker.
func TestDoInsideACallbackDoesNotWaitForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour), Timeout: -1})
		ask := make(chan struct{})
		answer := make(chan error, 1)
		var took time.Duration
		require.NoError(t, r.Go(t.Context(), "outer", func(ctx context.Context) error {
			<-ask
			begin := time.Now()
			err := r.Do(ctx, "inner", func(ctx context.Context) error {
				return r.Do(ctx, "innermost", func(ctx context.Context) error {
					answer <- r.Go(ctx, "next", nothing)
					return nil
				})
			})
			took = time.Since(begin)
			return err
		}))
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		close(ask)
		require.ErrorIs(t, <-answer, runner.ErrNested)
		drain(t, r)
		require.Zero(t, took)
	})
}

// Outside of callbacks the caller's goroutine is nobody's worker.
func TestDoOutsideACallbackWaitsForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour), Timeout: -1})
		g := fill(t, r)
		time.AfterFunc(time.Minute, g.release)
		begin := time.Now()
		require.NoError(t, r.Do(t.Context(), "outer", func(ctx context.Context) error { return r.Go(ctx, "next", nothing) }))
		require.Equal(t, time.Minute, time.Since(begin))
	})
}

// The asker's context ends, and harms the asker when it is asked for its cause.
func TestAPanickingContextLeavesNoWaiter(t *testing.T) {
	for name, harm := range map[string]func(){"panic": func() { panic("a recycled context") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour), Timeout: -1})
				g := fill(t, r)
				armed := false
				inner, cancel := context.WithCancel(t.Context())
				ctx := hostileContext{Context: inner, armed: &armed, value: harm}
				gone := make(chan struct{})
				go func() {
					defer close(gone)
					defer func() { _ = recover() }()
					if err := r.Go(ctx, "it", nothing); err != nil {
						t.Error("the context was to harm the asker:", err)
					}
				}()
				synctest.Wait()
				armed = true
				cancel()
				<-gone
				g.release()
				synctest.Wait()

				begin := time.Now()
				again := occupy(t, r, "busy")
				require.NoError(t, r.Go(t.Context(), "place", nothing))
				require.Zero(t, time.Since(begin), "the place was given to nobody")
				again.release()
				drain(t, r)
			})
		})
	}
}
