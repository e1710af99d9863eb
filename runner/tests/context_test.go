package tests

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// family is a context and those that are derived from it, by kind.
type family struct {
	members map[string]context.Context
	called  map[string]*atomic.Int32 // by context.AfterFunc
}

type familyKey struct{}

// derive derives a context of each kind. They last until the end of the test at
// the latest.
func derive(t *testing.T, ctx context.Context) family {
	t.Helper()
	f := family{make(map[string]context.Context), make(map[string]*atomic.Int32)}
	add := func(kind string, derived context.Context, cancel context.CancelFunc) context.Context {
		if cancel != nil {
			t.Cleanup(cancel)
		}
		f.members[kind] = derived
		called := new(atomic.Int32)
		f.called[kind] = called
		context.AfterFunc(derived, func() { called.Add(1) })
		return derived
	}
	add("itself", ctx, nil)
	canceled, cancel := context.WithCancel(ctx)
	add("WithCancel", canceled, cancel)
	withCause, cancelCause := context.WithCancelCause(ctx)
	add("WithCancelCause", withCause, func() { cancelCause(nil) })
	short, cancel := context.WithTimeoutCause(ctx, time.Second, errBroken)
	add("a shorter WithTimeout", short, cancel)
	long, cancel := context.WithTimeout(ctx, 24*time.Hour)
	add("a longer WithTimeout", long, cancel)
	value := add("WithValue", context.WithValue(ctx, familyKey{}, "kept"), nil)
	grandchild, cancel := context.WithCancel(value)
	add("WithCancel of WithValue", grandchild, cancel)
	add("WithoutCancel", context.WithoutCancel(ctx), nil)
	return f
}

// state says what the methods and functions of package context say of each.
func (f family) state() map[string]string {
	all := make(map[string]string)
	for kind, ctx := range f.members {
		isDone := false
		select {
		case <-ctx.Done():
			isDone = true
		default:
		}
		deadline, has := ctx.Deadline()
		all[kind] = fmt.Sprintf("err %v, cause %v, done %v, deadline %v %v, called %d, value %v",
			ctx.Err(), context.Cause(ctx), isDone, has, deadline.UTC().Round(0), f.called[kind].Load(), ctx.Value(familyKey{}))
	}
	return all
}

// The reference is what package context itself would give a callback.
// What ends the contexts is called in a bubble only.
func TestADerivedContextBehavesAsOneOfPackageContext(t *testing.T) {
	const timeout = time.Minute
	ends := map[string]struct {
		options []runner.Option
		end     func(t *testing.T, r *runner.Runner, g *gate, cancelReference context.CancelCauseFunc)
	}{
		"at the deadline": {
			[]runner.Option{runner.Timeout(timeout)},
			func(*testing.T, *runner.Runner, *gate, context.CancelCauseFunc) { time.Sleep(timeout) },
		},
		"after it has returned": {
			[]runner.Option{runner.Timeout(timeout)},
			func(_ *testing.T, _ *runner.Runner, g *gate, cancel context.CancelCauseFunc) {
				g.release()
				cancel(nil)
			},
		},
		"without a timeout, after it has returned": {
			[]runner.Option{runner.Timeout(-1)},
			func(_ *testing.T, _ *runner.Runner, g *gate, cancel context.CancelCauseFunc) {
				g.release()
				cancel(nil)
			},
		},
		"at a shutdown": {
			[]runner.Option{runner.Timeout(timeout)},
			func(t *testing.T, r *runner.Runner, g *gate, cancel context.CancelCauseFunc) {
				ctx, cancelDrain := context.WithCancel(t.Context())
				cancelDrain()
				_, err := r.Shutdown(ctx)
				require.ErrorIs(t, err, context.Canceled)
				cancel(runner.ErrShutdown)
			},
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{})
				g := newGate(t)
				given := make(chan context.Context, 1)
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
					given <- ctx
					return g.wait(ctx)
				}, end.options...))
				ctx := <-given

				reference, cancel := context.WithCancelCause(context.Background())
				if deadline, has := ctx.Deadline(); has {
					timed, stop := context.WithDeadlineCause(reference, deadline, runner.ErrTimeout)
					defer stop()
					reference = timed
				}
				theirs, ours := derive(t, reference), derive(t, ctx)
				synctest.Wait()
				require.Equal(t, theirs.state(), ours.state(), "before the end")
				time.Sleep(time.Second)
				synctest.Wait()
				require.Equal(t, theirs.state(), ours.state(), "after the deadline of a derived one")
				end.end(t, r, g, cancel)
				synctest.Wait()
				require.Equal(t, theirs.state(), ours.state(), "after the end")
				require.Error(t, ctx.Err())

				theirs, ours = derive(t, reference), derive(t, ctx)
				synctest.Wait()
				require.Equal(t, theirs.state(), ours.state(), "derived after the end")
				time.Sleep(48 * time.Hour)
				synctest.Wait()
				require.Equal(t, theirs.state(), ours.state(), "much later")
				g.release()
			})
		})
	}
}

// What ends the contexts is called in a bubble only.
func TestTheContextOfDoBehavesAsOneThatIsDerivedFromTheCallers(t *testing.T) {
	for name, end := range map[string]func(context.CancelCauseFunc){
		"cancellation of the caller": func(cancel context.CancelCauseFunc) { cancel(errBroken) },
		"deadline of the caller":     func(context.CancelCauseFunc) { time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{})
				canceled, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				caller, stop := context.WithTimeout(canceled, 30*time.Minute)
				defer stop()
				require.NoError(t, r.Do(caller, "it", func(ctx context.Context) error {
					reference, stopReference := context.WithTimeout(caller, time.Hour)
					defer stopReference()
					theirs, ours := derive(t, reference), derive(t, ctx)
					synctest.Wait()
					require.Equal(t, theirs.state(), ours.state())
					end(cancel)
					synctest.Wait()
					require.Equal(t, theirs.state(), ours.state())
					require.Error(t, ctx.Err())
					return nil
				}, runner.Timeout(time.Hour)))
			})
		})
	}
}

func TestDoWithAContextThatHasEndedRunsWithOneThatHasEnded(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBroken)
	for range 100 {
		require.ErrorIs(t, r.Do(ctx, "it", func(ctx context.Context) error {
			require.Equal(t, context.Canceled, ctx.Err())
			<-ctx.Done()
			return context.Cause(ctx)
		}), errBroken)
	}
}

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

// What ends the contexts is called in a bubble only.
func TestDoneFirstAskedForAfterTheEndIsClosed(t *testing.T) {
	for name, end := range map[string]func(*gate){
		"the callback has returned":     (*gate).release,
		"the callback has run too long": func(*gate) { time.Sleep(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{})
				g := newGate(t)
				given := make(chan context.Context, 1)
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { given <- ctx; return g.wait(ctx) }))
				ctx := <-given
				end(g)
				synctest.Wait()
				select {
				case <-ctx.Done():
				default:
					require.Fail(t, "it is open")
				}
				done := ctx.Done()
				require.Equal(t, done, ctx.Done())
				require.Error(t, ctx.Err())
				g.release()
			})
		})
	}
}

func TestDoneIsAlwaysTheSameChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		given := make(chan context.Context, 1)
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { given <- ctx; return g.wait(ctx) }))
		ctx := <-given
		before := ctx.Done()
		require.NotNil(t, before)
		require.Equal(t, before, ctx.Done())
		g.release()
		<-before
		require.Equal(t, before, ctx.Done(), "also after the end")
	})
}

func TestEachCallbackAndEachAttemptEndsOnlyItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2})
		g := newGate(t)
		given := make(chan context.Context, 4)
		require.NoError(t, r.Go(t.Context(), "other", func(ctx context.Context) error { given <- ctx; return g.wait(ctx) }))
		other := <-given
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { given <- ctx; return errBroken }, runner.RetryBackoff(2, every(time.Second))))
		first := <-given
		synctest.Wait()
		require.Error(t, first.Err())
		second := <-given
		require.NotEqual(t, fmt.Sprintf("%p", first), fmt.Sprintf("%p", second))
		require.NoError(t, other.Err())
		g.release()
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
