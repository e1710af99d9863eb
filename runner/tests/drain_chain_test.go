package tests

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// asks is a way of a callback to ask for another one.
type asks func(ctx context.Context, name string, fn func(context.Context) error) error

// eachAsk runs a test in a bubble for each way of a callback of r to ask for another.
func eachAsk(t *testing.T, cfg runner.Config, test func(t *testing.T, r *runner.Runner, ask asks)) {
	for name, ask := range map[string]func(r *runner.Runner) asks{
		"After": func(*runner.Runner) asks {
			return func(ctx context.Context, name string, fn func(context.Context) error) error {
				return runner.After(ctx, name, fn)
			}
		},
		"AfterAll": func(r *runner.Runner) asks {
			return func(ctx context.Context, name string, fn func(context.Context) error) error {
				return r.AfterAll(ctx, runner.Call{Name: name, Func: fn})
			}
		},
		"Go": func(r *runner.Runner) asks {
			return func(ctx context.Context, name string, fn func(context.Context) error) error {
				return r.Go(ctx, name, fn)
			}
		},
		"Do": func(r *runner.Runner) asks {
			return func(ctx context.Context, name string, fn func(context.Context) error) error {
				return r.Do(ctx, name, fn)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := recorded(t, cfg)
				test(t, r, ask(r))
			})
		})
	}
}

// link returns a callback that takes a second and asks for the next one of n.
func link(ask asks, i, n int) func(context.Context) error {
	return func(ctx context.Context) error {
		time.Sleep(time.Second)
		if i == n {
			return nil
		}
		return ask(ctx, fmt.Sprint("link.", i+1), link(ask, i+1, n))
	}
}

func TestADrainFinishesAChain(t *testing.T) {
	for _, cfg := range []runner.Config{{Workers: 1, Queue: 1}, {Workers: 1, Queue: 1, Overflow: runner.Block(time.Hour)}, {Workers: 1, Queue: 1, Overflow: runner.DropOldest}} {
		t.Run(cfg.Overflow.String(), func(t *testing.T) {
			eachAsk(t, cfg, func(t *testing.T, r *runner.Runner, ask asks) {
				ctx, release := r.Scope(t.Context())
				require.NoError(t, runner.After(ctx, "link.1", link(ask, 1, 5)))
				release(nil)
				synctest.Wait()
				report := drain(t, r)
				require.Equal(t, 5*time.Second, report.Duration)
				require.Equal(t, 5, report.Pending, "those that were asked for meanwhile count")
				require.Equal(t, 5, report.Completed)
				require.Equal(t, uint64(5), r.Stats().Outcomes[runner.OutcomeSuccess])
				requireBalanced(t, r.Stats())
			})
		})
	}
}

func TestADrainFinishesAChainWhoseResponseIsStillOpenWhenItBegins(t *testing.T) {
	eachAsk(t, runner.Config{Workers: 1}, func(t *testing.T, r *runner.Runner, ask asks) {
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "link.1", link(ask, 1, 5)))
		time.AfterFunc(3*time.Second, func() { release(nil) })
		report := drain(t, r)
		require.Equal(t, 8*time.Second, report.Duration)
		require.Equal(t, 5, report.Completed)
	})
}

func TestDuringADrainOnlyItsCallbacksMayAsk(t *testing.T) {
	eachAsk(t, runner.Config{Workers: 2, Timeout: -1}, func(t *testing.T, r *runner.Runner, ask asks) {
		other := newRunner(t, runner.Config{Name: "other"})
		scoped, release := r.Scope(t.Context())
		require.NoError(t, runner.After(scoped, "reserved", nothing))
		inside, asked := make(chan context.Context), make(chan error)
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			inside <- ctx
			return <-asked
		}))
		ctx := <-inside
		drained := make(chan runner.Report, 1)
		go func() {
			report, _ := r.Shutdown(context.Background())
			drained <- report
		}()
		synctest.Wait()

		require.NoError(t, ask(ctx, "a", nothing))
		require.NoError(t, ask(context.WithoutCancel(ctx), "b", nothing), "it is the callback's all the same")
		require.ErrorIs(t, r.Go(t.Context(), "no", nothing), runner.ErrClosed)
		require.ErrorIs(t, runner.After(scoped, "no", nothing), runner.ErrClosed, "a handler that is still busy")
		require.ErrorIs(t, r.Do(t.Context(), "no", nothing), runner.ErrClosed)
		require.NoError(t, other.Do(t.Context(), "elsewhere", func(ctx context.Context) error {
			if err := r.Go(ctx, "no", nothing); !errors.Is(err, runner.ErrClosed) {
				t.Errorf("a callback of another runner: %v", err)
			}
			return nil
		}))
		release(nil)
		asked <- nil
		report := <-drained
		require.Equal(t, 4, report.Completed)
		require.Equal(t, uint64(4), r.Stats().Rejections[runner.ReasonClosed])
	})
}

// A goroutine that a callback has left behind is not what the drain waits for.
func TestDuringADrainACallbackThatHasReturnedAsksNoMore(t *testing.T) {
	eachAsk(t, runner.Config{Timeout: -1}, func(t *testing.T, r *runner.Runner, ask asks) {
		asked := make(chan error, 2)
		require.NoError(t, r.Go(t.Context(), "first", func(ctx context.Context) error {
			go func() {
				time.Sleep(5 * time.Second)
				asked <- ask(ctx, "late", nothing)
			}()
			return nil
		}))
		require.NoError(t, r.Go(t.Context(), "slow", func(context.Context) error { time.Sleep(10 * time.Second); return nil }))
		synctest.Wait()
		report := drain(t, r)
		require.ErrorIs(t, <-asked, runner.ErrClosed)
		require.Equal(t, 1, report.Pending)
	})
}

func TestADrainThatHasGivenUpTakesNothingMoreOfItsCallbacks(t *testing.T) {
	eachAsk(t, runner.Config{Timeout: -1}, func(t *testing.T, r *runner.Runner, ask asks) {
		asked := make(chan error, 1)
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			<-ctx.Done()
			asked <- ask(context.WithoutCancel(ctx), "more", nothing)
			return nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		report, err := r.Shutdown(ctx)
		require.NoError(t, err)
		require.ErrorIs(t, <-asked, runner.ErrClosed)
		require.Equal(t, 1, report.Completed)
	})
}

// A chain that never ends is given up at the deadline, and named.
func TestADrainGivesUpAChainWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		var next func(ctx context.Context) error
		next = func(ctx context.Context) error {
			time.Sleep(time.Second)
			return runner.After(ctx, "poll", next)
		}
		require.NoError(t, r.Go(t.Context(), "poll", next))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		report, _ := r.Shutdown(ctx)
		require.Equal(t, report.Pending, report.Completed+len(report.Lost))
		require.GreaterOrEqual(t, report.Pending, 9)
		requireBalanced(t, r.Stats())
		require.Zero(t, r.Stats().Pending())
	})
}

func TestShutdownWithoutADeadlineGivesUpAScopeThatIsNeverReleased(t *testing.T) {
	for name, ctx := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		"background": func(context.Context) (context.Context, context.CancelFunc) {
			return context.Background(), func() {}
		},
		"cancelable": context.WithCancel,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := ctx(t.Context())
				defer cancel()
				r := newRunner(t, runner.Config{})
				scoped, _ := r.Scope(t.Context())
				require.NoError(t, runner.After(scoped, "never.released", nothing))
				require.NoError(t, r.Go(t.Context(), "slow", func(context.Context) error { time.Sleep(20 * time.Second); return nil }))
				report, err := r.Shutdown(ctx)
				require.Error(t, err)
				require.Contains(t, err.Error(), "stayed open for 10s")
				require.Equal(t, 30*time.Second, report.Duration, "ten seconds after everything else has ended")
				require.Equal(t, []runner.Lost{{Name: "never.released", Outcome: runner.OutcomeDropped, Age: 30 * time.Second}}, report.Lost)
				require.Contains(t, report.String(), "1 x never.released dropped")
				require.Equal(t, 1, report.Completed)
			})
		})
	}
}

func TestShutdownWithoutADeadlineWaitsForAScopeThatIsReleasedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		slow := func(context.Context) error { time.Sleep(30 * time.Second); return nil }
		for _, after := range []time.Duration{9, 47} { // less than 10 s after the last callback has ended
			ctx, release := r.Scope(t.Context())
			require.NoError(t, runner.After(ctx, "it", slow, runner.Timeout(-1)))
			time.AfterFunc(after*time.Second, func() { release(nil) })
		}
		report := drain(t, r)
		require.Equal(t, 77*time.Second, report.Duration)
		require.Equal(t, 2, report.Completed)
	})
}

func TestShutdownWithADeadlineWaitsForAnOpenScopeUntilThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		scoped, release := r.Scope(t.Context())
		require.NoError(t, runner.After(scoped, "it", nothing))
		time.AfterFunc(50*time.Second, func() { release(nil) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		report, err := r.Shutdown(ctx)
		require.NoError(t, err)
		require.Equal(t, 50*time.Second, report.Duration)
	})
}
