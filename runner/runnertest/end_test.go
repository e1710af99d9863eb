package runnertest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// hangHere ignores everything but its release.
func hangHere(release <-chan struct{}) error {
	<-release
	return nil
}

func TestACallbackThatHangsFailsTheWaitWithItsStack(t *testing.T) {
	waits := map[string]func(rt *runnertest.Runner, hang func(context.Context) error){
		"Run": func(rt *runnertest.Runner, hang func(context.Context) error) {
			runIn(rt, func(ctx context.Context) { _ = runner.After(ctx, "order.email", hang) })
		},
		"Serve": func(rt *runnertest.Runner, hang func(context.Context) error) {
			rt.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_ = runner.After(r.Context(), "order.email", hang)
			}), httptest.NewRequest(http.MethodGet, "/", nil))
		},
		"WaitIdle": func(rt *runnertest.Runner, hang func(context.Context) error) {
			_ = rt.Go(context.Background(), "order.email", hang)
			rt.WaitIdle()
		},
	}
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				start := time.Now()
				failures := failuresOf(func(t runnertest.T) {
					rt := runnertest.New(t, runner.Config{Timeout: 2 * time.Second})
					wait(rt, func(context.Context) error { return hangHere(release) })
					close(release) // or it would be a leftover too
				})
				if d := time.Since(start); d != 8*time.Second {
					t.Errorf("gave up after %v; want timeout + StuckAfter + 5 s", d)
				}
				oneFailure(t, failures, name+": callbacks have not ended", "order.email: stuck", "runnertest_test.hangHere")
			})
		})
	}
}

func TestACallbackWithoutATimeoutIsWaitedForAsLongAsItTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		runIn(rt, func(ctx context.Context) {
			must(t, runner.After(ctx, "slow", func(context.Context) error { time.Sleep(24 * time.Hour); return nil }, runner.Timeout(-1)))
		})
	})
}

func TestALongQueueIsWaitedForAsLongAsItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Timeout: 2 * time.Second})
		runIn(rt, func(ctx context.Context) {
			for range 100 {
				must(t, runner.After(ctx, "slow", func(context.Context) error { time.Sleep(time.Second); return nil }))
			}
		})
	})
}

func TestAScopeThatIsNeverReleasedFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		oneFailure(t, failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			ctx, _ := rt.Scope(t.Context())
			_ = runner.After(ctx, "order.email", nothing)
		}), "order.email", "was its scope released?")
	})
}

func TestWaitIdleNamesWhatWaitsForAScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		oneFailure(t, failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			ctx, release := rt.Scope(t.Context())
			_ = runner.After(ctx, "order.email", nothing)
			rt.WaitIdle()
			release(nil)
		}), "WaitIdle", "order.email: not started")
	})
}

func TestACallbackThatHangsAtTheEndFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		oneFailure(t, failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			_ = rt.Go(t.Context(), "order.email", func(context.Context) error { return hangHere(release) })
		}), "order.email", "abandoned", "runnertest_test.hangHere")
		close(release)
	})
}

func TestWhatEndsInTimeAtTheEndIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		none(t, failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			_ = rt.Go(t.Context(), "order.email", func(context.Context) error {
				time.Sleep(time.Second)
				ended = true
				return nil
			})
		}))
		if !ended {
			t.Error("it was not waited for")
		}
	})
}

func TestWhatTheTestsOwnShutdownLosesIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		none(t, failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			ctx, _ := rt.Scope(t.Context())
			_ = runner.After(ctx, "order.email", nothing)
			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := rt.Shutdown(short); err == nil {
				t.Errorf("nothing was lost")
			}
		}))
	})
}

func TestPanicsFailTheTestUnlessTheyAreWanted(t *testing.T) {
	boom := func(opts ...runnertest.Option) []string {
		return failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{}, opts...)
			runIn(rt, func(ctx context.Context) {
				_ = runner.After(ctx, "order.email", func(context.Context) error { panic("boom") })
			})
		})
	}
	oneFailure(t, boom(), "order.email: panic", "boom", "end_test.go")
	none(t, boom(runnertest.FailOn()))
}

func TestErrorsFailTheTestOnlyIfTheyAreUnwanted(t *testing.T) {
	broken := func(opts ...runnertest.Option) []string {
		return failuresOf(func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{Queue: 1}, opts...)
			runIn(rt, func(ctx context.Context) {
				_ = runner.After(ctx, "order.email", func(context.Context) error { return errBroken })
				_ = runner.After(ctx, "order.log", nothing)
			})
		})
	}
	none(t, broken())
	oneFailure(t, broken(runnertest.FailOn(runner.OutcomeError)), "order.email: error: broken")
	oneFailure(t, broken(runnertest.FailOn(runner.OutcomeRejected)), "order.log: rejected", "queue full")
}

func TestAnObserversPanicFailsTheTest(t *testing.T) {
	oneFailure(t, failuresOf(func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{Observers: []runner.Observer{{
			Finished: func(context.Context, runner.FinishedInfo) { panic("boom") },
		}}})
		runIn(rt, func(ctx context.Context) { _ = runner.After(ctx, "order.email", nothing) })
	}), "observers panicked 1 times")
}
