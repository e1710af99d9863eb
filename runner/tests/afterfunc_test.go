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

func TestDerivedContextsNeedNoGoroutine(t *testing.T) {
	const many = 200
	r := newRunner(t, runner.Config{})
	during := make(chan int, 1)
	var ended atomic.Int32
	require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
		before := runtime.NumGoroutine()
		for range many {
			derived, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			derived, cancel = context.WithTimeout(context.WithValue(derived, familyKey{}, 1), time.Hour)
			t.Cleanup(cancel)
			context.AfterFunc(ctx, func() { ended.Add(1) })
			context.AfterFunc(derived, func() { ended.Add(1) })
		}
		during <- runtime.NumGoroutine() - before
		return nil
	}))
	require.Less(t, <-during, many/4)
	require.Eventually(t, func() bool { return ended.Load() == 2*many }, 10*time.Second, time.Millisecond)
}

// afterFuncer is what package context looks for in a context that is not its own.
type afterFuncer interface {
	AfterFunc(f func()) (stop func() bool)
}

func TestStopOfAfterFuncReportsWhetherTheFunctionWillNotRun(t *testing.T) {
	for name, afterFunc := range map[string]func(context.Context, func()) func() bool{
		"package context's": context.AfterFunc,
		"the context's own": func(ctx context.Context, f func()) func() bool { return ctx.(afterFuncer).AfterFunc(f) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{})
				g := newGate(t)
				given := make(chan context.Context, 1)
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { given <- ctx; return g.wait(ctx) }))
				ctx := <-given
				var inTime, ran, twins, late atomic.Int32
				stopInTime := afterFunc(ctx, func() { inTime.Add(1) })
				runs := afterFunc(ctx, func() { ran.Add(1) })
				twin := func() { twins.Add(1) } // one function, asked for twice
				stopTwin := afterFunc(ctx, twin)
				afterFunc(ctx, twin)
				require.True(t, stopInTime())
				require.False(t, stopInTime(), "it has been stopped")
				require.True(t, stopTwin(), "the other one stays")

				g.release()
				synctest.Wait()
				require.False(t, runs(), "it has run")
				require.Zero(t, inTime.Load())
				require.Equal(t, int32(1), ran.Load())
				require.Equal(t, int32(1), twins.Load())

				stopLate := afterFunc(ctx, func() { late.Add(1) })
				synctest.Wait()
				require.False(t, stopLate(), "it has run at once")
				require.Equal(t, int32(1), late.Load())
			})
		})
	}
}

func TestAfterFuncHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1})
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			context.AfterFunc(ctx, func() { time.Sleep(time.Hour) })
			context.AfterFunc(ctx, func() {
				_ = r.Stats() // no lock is held
				_ = ctx.Err()
				<-ctx.Done()
				context.AfterFunc(ctx, func() {})
				runtime.Goexit()
			})
			return nil
		}))
		begin := time.Now()
		drain(t, r)
		require.Zero(t, time.Since(begin))
		time.Sleep(2 * time.Hour)
	})
}

// Those who look at a context, those who wait for it and what ends it come at once.
func TestAContextEndsForAllWhoWatchItAtOnce(t *testing.T) {
	for name, end := range map[string]func(context.Context){
		"return":   func(context.Context) {},
		"deadline": func(ctx context.Context) { <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 8, Overflow: runner.Block(time.Minute)})
			var watching sync.WaitGroup
			var called, stopped, asked atomic.Int64
			for range 300 {
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
					watching.Go(func() { <-ctx.Done() })
					watching.Go(func() {
						for ctx.Err() == nil {
							runtime.Gosched()
						}
						select {
						case <-ctx.Done():
						default:
							t.Error("Err says that it has ended, and Done is open")
						}
						if context.Cause(ctx) == nil {
							t.Error("it has ended without a cause")
						}
					})
					watching.Go(func() {
						derived, cancel := context.WithCancel(ctx)
						defer cancel()
						<-derived.Done()
					})
					watching.Go(func() {
						for range 10 {
							asked.Add(1)
							watching.Add(1)
							stop := context.AfterFunc(ctx, func() { called.Add(1); watching.Done() })
							runtime.Gosched()
							if stop() {
								stopped.Add(1)
								watching.Done()
							}
						}
					})
					end(ctx)
					return nil
				}, runner.Timeout(time.Millisecond)))
			}
			drain(t, r)
			watching.Wait()
			require.Equal(t, asked.Load(), called.Load()+stopped.Load(), "each function has run once, or was stopped")
		})
	}
}

// A callback that derives many contexts in a loop, as for one call each, keeps none
// that is over.
func TestACallbacksContextKeepsNoDerivedOneThatIsOver(t *testing.T) {
	r := newRunner(t, runner.Config{Timeout: -1})
	freed, end := make(chan struct{}), make(chan struct{})
	g := newGate(t)
	require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
		func() {
			payload := new([1 << 20]byte)
			runtime.AddCleanup(payload, func(struct{}) { close(freed) }, struct{}{})
			derived, cancel := context.WithCancel(context.WithValue(ctx, familyKey{}, payload))
			defer cancel()
			context.AfterFunc(derived, func() { payload[0] = 1 })()
			stop := context.AfterFunc(ctx, func() { payload[0] = 1 })
			stop()
		}()
		close(end)
		return g.wait(ctx)
	}))
	<-end
	requireCollected(t, freed)
}
