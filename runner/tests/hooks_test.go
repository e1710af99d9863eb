package tests

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
// none. It returns the names of both kinds.
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

// line returns the line of this test file that its caller is in, offset by some.
func line(offset int) string {
	_, file, n, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", filepath.Base(file), n+offset)
}

func lineOf(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
}

func TestWantsCallerGivesTheLineOfTheCall(t *testing.T) {
	var callers []string
	r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{
		{WantsCaller: func(context.Context) bool { return false }},
		{
			WantsCaller: func(context.Context) bool { return true },
			Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
				callers = append(callers, "accepted "+lineOf(info.Caller))
				return nil
			},
			Rejected: func(_ context.Context, info runner.RejectedInfo) {
				callers = append(callers, "rejected "+lineOf(info.Caller))
			},
		},
	}})
	ctx, release := r.Scope(t.Context())
	call := runner.Call{Name: "it", Func: nothing}
	asks := map[string]func() (string, error){
		"the function After":    func() (string, error) { return line(0), runner.After(ctx, "it", nothing) },
		"the method After":      func() (string, error) { return line(0), r.After(ctx, "it", nothing) },
		"Go":                    func() (string, error) { return line(0), r.Go(ctx, "it", nothing) },
		"Do":                    func() (string, error) { return line(0), r.Do(ctx, "it", nothing) },
		"the function AfterAll": func() (string, error) { return line(0), runner.AfterAll(ctx, call, call) },
		"the method AfterAll":   func() (string, error) { return line(0), r.AfterAll(ctx, call, call) },
	}
	want := func(name, event, line string) []string {
		if strings.HasSuffix(name, "AfterAll") {
			return []string{event + line, event + line}
		}
		return []string{event + line}
	}
	for name, ask := range asks {
		callers = nil
		line, err := ask()
		require.NoError(t, err)
		require.Equal(t, want(name, "accepted ", line), callers, name)
	}
	release(nil)
	drain(t, r)
	for name, ask := range asks {
		callers = nil
		line, err := ask()
		require.ErrorIs(t, err, runner.ErrClosed)
		require.Equal(t, want(name, "rejected ", line), callers, name)
	}
}

func TestWithoutWantsCallerThereIsNoCaller(t *testing.T) {
	type key struct{}
	for name, wants := range map[string]func(context.Context) bool{
		"none":       nil,
		"it says no": func(context.Context) bool { return false },
		"it says no with this context": func(ctx context.Context) bool {
			return ctx.Value(key{}) == nil
		},
		"it panics": func(context.Context) bool { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			accepted := make(chan runner.AcceptedInfo, 1)
			r := newRunner(t, runner.Config{Observers: []runner.Observer{{
				WantsCaller: wants,
				Accepted:    func(_ context.Context, info runner.AcceptedInfo) context.Context { accepted <- info; return nil },
			}}})
			require.NoError(t, r.Go(context.WithValue(t.Context(), key{}, 1), "it", nothing))
			require.Zero(t, (<-accepted).Caller)
			require.Equal(t, map[bool]uint64{true: 1}[name == "it panics"], r.Stats().ObserverPanics)
		})
	}
}

func TestOpenedSeesTheRunnerInsideNew(t *testing.T) {
	var opened []*runner.Runner
	observer := runner.Observer{Opened: func(r *runner.Runner) error {
		opened = append(opened, r)
		if r.Stats().Name != "shop" || r.Stats().Closed {
			return fmt.Errorf("the runner is not ready: %v", r.Stats())
		}
		return r.Do(context.Background(), "at.the.start", nothing)
	}}
	r, err := runner.New(runner.Config{Name: "shop", Observers: []runner.Observer{observer, {}, observer}})
	require.NoError(t, err)
	require.Equal(t, 2, len(opened))
	require.Same(t, r, opened[0])
	require.Same(t, r, opened[1])
	drain(t, r)
	require.Equal(t, uint64(2), r.Stats().Outcomes[runner.OutcomeSuccess])
	require.Len(t, opened, 2, "once")
}

func TestAnErrorOfOpenedIsThatOfNew(t *testing.T) {
	var kept *runner.Runner
	closed := 0
	errOther := errors.New("other")
	r, err := runner.New(runner.Config{Observers: []runner.Observer{
		{Opened: func(r *runner.Runner) error { kept = r; return errBroken }},
		{Opened: func(*runner.Runner) error { return nil }, DrainFinished: func(context.Context, runner.Report) { closed++ }},
		{Opened: func(*runner.Runner) error { return errOther }},
	}})
	require.Nil(t, r)
	require.ErrorIs(t, err, errBroken)
	require.ErrorIs(t, err, errOther)
	require.ErrorContains(t, err, "runner: Config.Observers[0]: broken")
	require.ErrorContains(t, err, "runner: Config.Observers[2]: other")
	require.ErrorIs(t, kept.Go(t.Context(), "it", nothing), runner.ErrClosed, "whoever kept it cannot use it")
	require.Equal(t, 1, closed, "those that have opened it see it end")
}

func TestAnInvalidConfigOpensNothing(t *testing.T) {
	_, err := runner.New(runner.Config{Workers: -1, Observers: []runner.Observer{{
		Opened: func(*runner.Runner) error { t.Error("it was called"); return nil },
	}}})
	require.Error(t, err)
}

func TestTheTraceOfALostCallbackIsThatOfTheFirstObserverThatNamesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var asked eventLog
		traceID := func(observer, id string) func(context.Context) string {
			return func(ctx context.Context) string {
				asked.add(observer)
				if id != "" {
					return fmt.Sprint(id, " ", ctx.Value(key{}))
				}
				return ""
			}
		}
		r := newRunner(t, runner.Config{Workers: 2, Timeout: -1, Observers: []runner.Observer{
			{
				Accepted: func(ctx context.Context, info runner.AcceptedInfo) context.Context {
					return context.WithValue(ctx, key{}, "accepted "+info.Name)
				},
				Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
					return context.WithValue(ctx, key{}, "started "+info.Name)
				},
			},
			{TraceID: traceID("unsampled", "")},
			{TraceID: func(context.Context) string { panic("boom") }},
			{TraceID: traceID("first", "4bf9")},
			{TraceID: traceID("second", "0000")},
		}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "succeeds", nothing))
		require.NoError(t, r.Go(t.Context(), "fails", func(context.Context) error { return errBroken }))
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "canceled", obedient))
		require.NoError(t, r.Go(t.Context(), "abandoned", g.wait))
		require.NoError(t, r.Go(t.Context(), "dropped", nothing))
		report := giveUp(t, r)
		traces := make(map[string]string)
		for _, l := range report.Lost {
			traces[l.Name] = l.TraceID
		}
		require.Equal(t, map[string]string{
			"canceled": "4bf9 started canceled", "abandoned": "4bf9 started abandoned", "dropped": "4bf9 accepted dropped",
		}, traces)
		require.ElementsMatch(t, []string{"unsampled", "first", "unsampled", "first", "unsampled", "first"}, asked.all(), "only for what was lost")
		require.Contains(t, report.String(), "trace 4bf9 started canceled")
		require.Equal(t, uint64(3), r.Stats().ObserverPanics)
		g.release()
	})
}

// Nobody could count it, and a program that starts without its observers would
// fail silently.
func TestAPanicOfOpenedIsThatOfNew(t *testing.T) {
	require.PanicsWithValue(t, "boom", func() {
		_, _ = runner.New(runner.Config{Observers: []runner.Observer{{Opened: func(*runner.Runner) error { panic("boom") }}}})
	})
}
