package tests

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// countingContext counts how often it is asked for something.
type countingContext struct {
	context.Context

	asked *atomic.Int32
}

func (c countingContext) Value(key any) any {
	c.asked.Add(1)
	return c.Context.Value(key)
}

func (c countingContext) Done() <-chan struct{} {
	c.asked.Add(1)
	return c.Context.Done()
}

func TestARunnerWithoutHooksCallsNothing(t *testing.T) {
	for name, observers := range map[string][]runner.Observer{"no observer": nil, "empty observers": {{}, {}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Workers: 1, Queue: 4, MaxNames: 1, Observers: observers})
				g := occupy(t, r, "busy")
				var asked atomic.Int32
				ctx := countingContext{t.Context(), &asked}
				require.NoError(t, r.Go(ctx, "succeeds", nothing))
				require.NoError(t, r.Go(ctx, "fails", func(context.Context) error { return errBroken }, runner.RetryBackoff(2, every(time.Second))))
				require.NoError(t, r.Go(ctx, "panics", func(context.Context) error { panic("boom") }))
				require.NoError(t, r.Go(ctx, "hangs", func(context.Context) error { time.Sleep(time.Hour); return nil }, runner.Timeout(time.Second)))
				require.Error(t, r.Go(ctx, "rejected", nothing))
				asking := asked.Load()
				g.release()
				time.Sleep(2 * time.Hour)
				drain(t, r)
				require.Equal(t, asking, asked.Load(), "nobody has looked at the asker's context since After returned")
				require.Zero(t, r.Stats().ObserverPanics)
				require.Equal(t, uint64(3), r.Stats().Outcomes[runner.OutcomeSuccess])
			})
		})
	}
}

// eventLog is a list that observers on several goroutines add to.
type eventLog struct {
	mu     sync.Mutex
	events []string // guarded by mu
}

func (l *eventLog) add(event string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, event)
}

func (l *eventLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// failing has callbacks of r end in each way that is a failure, and in each that is
// none, in a bubble only. It returns the names of both kinds.
func failing(t *testing.T, r *runner.Runner) (failures, others []string) {
	t.Helper()
	ctx, release := r.Scope(t.Context())
	ask := func(name string, fn func(context.Context) error, opts ...runner.Option) {
		t.Helper()
		require.NoError(t, runner.After(ctx, name, fn, opts...))
	}
	ask("succeeds", nothing)
	ask("succeeds.later", func() func(context.Context) error {
		attempt := 0
		return func(context.Context) error {
			if attempt++; attempt == 1 {
				return errBroken
			}
			return nil
		}
	}(), runner.RetryBackoff(2, every(0)))
	ask("skipped", nothing, runner.When(func(runner.Request) bool { return false }))
	ask("once", nothing, runner.Once("k"))
	ask("once", nothing, runner.Once("k"))
	ask("fails", func(context.Context) error { return errBroken })
	ask("panics", func(context.Context) error { panic("boom") })
	ask("exits", func(context.Context) error { runtime.Goexit(); return nil })
	ask("times.out", obedient, runner.Timeout(time.Second))
	ask("bad.gate", nothing, runner.When(func(runner.Request) bool { panic("gate") }))
	release(nil)
	time.Sleep(time.Minute)
	synctest.Wait()
	_ = r.Do(ctx, "do.fails", func(context.Context) error { return errBroken })
	_ = r.Do(ctx, "do.succeeds", nothing)

	g := newGate(t)
	require.NoError(t, r.Go(ctx, "canceled", obedient, runner.Timeout(-1)))
	require.NoError(t, r.Go(ctx, "abandoned", g.wait, runner.Timeout(-1)))
	synctest.Wait()
	require.NoError(t, r.Go(ctx, "dropped", nothing))
	giveUp(t, r)
	require.ErrorIs(t, r.Go(ctx, "rejected", nothing), runner.ErrClosed)
	g.release()
	synctest.Wait()
	return strings.Fields("fails panics exits times.out bad.gate do.fails canceled abandoned dropped"),
		strings.Fields("succeeds succeeds.later skipped once once do.succeeds rejected")
}

func TestFailedIsCalledForFailuresOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failed eventLog
		r := newRunner(t, runner.Config{Workers: 2, Observers: []runner.Observer{{
			Failed: func(_ context.Context, info runner.FinishedInfo) {
				if !info.Outcome.IsFailure() || info.Finished.IsZero() || info.Err == nil {
					t.Errorf("called with %+v", info)
				}
				failed.add(info.Name)
			},
		}}})
		failures, others := failing(t, r)
		require.ElementsMatch(t, failures, failed.all(), "and none of %v", others)
		require.Equal(t, uint64(len(failures)+len(others)), r.Stats().Asked)
	})
}

func TestFailedIsCalledAfterFinishedWithTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		type end struct {
			value any
			info  runner.FinishedInfo
		}
		var mu sync.Mutex
		finished, failed := make(map[string]end), make(map[string]end) // guarded by mu
		observer := runner.Observer{
			Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
				return context.WithValue(ctx, key{}, info.Name)
			},
			Finished: func(ctx context.Context, info runner.FinishedInfo) {
				mu.Lock()
				defer mu.Unlock()
				finished[info.Name] = end{ctx.Value(key{}), info}
			},
		}
		second := runner.Observer{
			Failed: func(ctx context.Context, info runner.FinishedInfo) {
				mu.Lock()
				defer mu.Unlock()
				if finished[info.Name].info.Name == "" {
					t.Errorf("%s: Failed came before the Finished of another observer", info.Name)
				}
				failed[info.Name] = end{ctx.Value(key{}), info}
			},
		}
		r := newRunner(t, runner.Config{Workers: 2, Observers: []runner.Observer{second, observer}})
		failures, _ := failing(t, r)
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, failed, len(failures))
		for _, name := range failures {
			require.Equal(t, finished[name], failed[name], name)
		}
		require.Equal(t, "fails", failed["fails"].value, "with what Started has added")
		require.Zero(t, r.Stats().ObserverPanics)
	})
}

func TestStartedLateIsCalledAfterMoreThanASecondInTheQueue(t *testing.T) {
	type key struct{}
	for name, started := range map[string]func(context.Context, runner.StartedInfo) context.Context{
		"alone": nil,
		"with Started": func(ctx context.Context, _ runner.StartedInfo) context.Context {
			return context.WithValue(ctx, key{}, "started")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var late []string
				r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
					Started: started,
					StartedLate: func(ctx context.Context, info runner.StartedInfo) {
						if started != nil && ctx.Value(key{}) != "started" {
							t.Error("it is not the context that Started has returned")
						}
						late = append(late, fmt.Sprint(info.Name, " ", info.Attempt, " ", info.QueueWait()))
					},
				}}})
				waitFor := func(name string, wait time.Duration, opts ...runner.Option) {
					t.Helper()
					g := occupy(t, r, "busy")
					require.NoError(t, r.Go(t.Context(), name, func(ctx context.Context) error {
						if ctx.Value(key{}) != nil && ctx.Value(key{}) != "started" {
							t.Error("the callback has another context")
						}
						return errBroken
					}, opts...))
					time.Sleep(wait)
					g.release()
					synctest.Wait()
				}
				waitFor("soon", 0)
				waitFor("just.in.time", time.Second)
				require.Empty(t, late)
				waitFor("late", time.Second+time.Nanosecond)
				require.Equal(t, []string{"late 1 1.000000001s"}, late)

				late = nil
				waitFor("retried", 0, runner.RetryBackoff(2, every(5*time.Second)))
				busy := occupy(t, r, "busy")
				time.Sleep(8 * time.Second)
				busy.release()
				synctest.Wait()
				require.Equal(t, []string{"retried 2 3s"}, late, "each attempt for itself; the pause does not count")

				late = nil
				ctx, release := r.Scope(t.Context())
				require.NoError(t, runner.After(ctx, "open", nothing))
				time.Sleep(time.Hour)
				release(nil)
				require.NoError(t, r.Do(ctx, "do", nothing))
				synctest.Wait()
				require.Empty(t, late, "neither the response nor Do waits for a worker")
			})
		})
	}
}
