package tests

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

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
	require.Len(t, opened, 2)
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
	require.ErrorIs(t, kept.Go(t.Context(), "it", nothing), runner.ErrClosed, "an observer that has kept the runner cannot use it")
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

// helper asks as a package does that has an After of its own.
func helper(ctx context.Context, asks func(ctx context.Context, o runner.Option) error) error {
	var pcs [1]uintptr
	runtime.Callers(2, pcs[:])
	return asks(ctx, runner.Caller(pcs[0]))
}

func TestCallerNamesTheLineThatCallsAHelper(t *testing.T) {
	var lines []int
	r := newRunner(t, runner.Config{Observers: []runner.Observer{{
		WantsCaller: func(context.Context) bool { return true },
		Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
			frame, _ := runtime.CallersFrames([]uintptr{info.Caller}).Next()
			lines = append(lines, frame.Line)
			return nil
		},
	}}})
	ctx, release := r.Scope(t.Context())
	_, _, line, _ := runtime.Caller(0)
	require.NoError(t, helper(ctx, func(ctx context.Context, o runner.Option) error { return r.After(ctx, "a", nothing, o) }))
	require.NoError(t, helper(ctx, func(ctx context.Context, o runner.Option) error { return r.Go(ctx, "a", nothing, o) }))
	require.NoError(t, helper(ctx, func(ctx context.Context, o runner.Option) error { return r.Do(ctx, "a", nothing, o) }))
	require.NoError(t, helper(ctx, func(ctx context.Context, o runner.Option) error {
		return r.AfterAll(ctx, runner.Call{Name: "a", Func: nothing, Options: []runner.Option{o}})
	}))
	release(nil)
	require.Equal(t, []int{line + 1, line + 2, line + 3, line + 4}, lines)
}
