package tests

import (
	"context"
	"fmt"
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
