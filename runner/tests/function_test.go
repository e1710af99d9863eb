package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// lineWith returns the first line of this file that begins with the text.
func lineWith(t *testing.T, text string) int {
	t.Helper()
	source, err := os.ReadFile("function_test.go")
	require.NoError(t, err)
	for i, line := range strings.Split(string(source), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), text) {
			return i + 1
		}
	}
	require.Fail(t, "no such line", text)
	return 0
}

// mailer has methods to be asked for.
type mailer struct{ sent int }

//go:noinline
func (m *mailer) send(context.Context) error { m.sent++; return errBroken }

func (m *mailer) sendInlined(context.Context) error { m.sent++; return nil }

func ordinary(context.Context) error { return errBroken }

func small() error { return errBroken }

func generic[T any](context.Context) error { return nil }

// nested returns a literal within a literal.
//
//go:noinline
func nested() func(context.Context) error {
	return func() func(context.Context) error {
		return func(context.Context) error { return nil }
	}()
}

// asFunction is a function as telemetry tells it, with the file's last element only.
func asFunction(f runner.Function) runner.Function {
	f.Name = strings.TrimPrefix(f.Name, "github.com/afterglow-go/afterglow/runner/tests.")
	if f.File != "" {
		f.File = filepath.Base(f.File)
	}
	return f
}

func place(name string, line int) runner.Function {
	return runner.Function{Name: name, File: "function_test.go", Line: line}
}

func TestACallbackNamesItsFunctionWhateverKindItIs(t *testing.T) {
	const test = "TestACallbackNamesItsFunctionWhateverKindItIs"
	m := new(mailer)
	literal := func(context.Context) error { return nil }
	inlines := func(context.Context) error { return small() }
	captures := func(ctx context.Context) error { return m.send(ctx) }
	// Its name differs between releases of Go, because the literal around it is inlined.
	inner := asFunction(runner.Function{Name: runtime.FuncForPC(reflect.ValueOf(nested()).Pointer()).Name()}).Name
	require.Regexp(t, `^nested\..*func\d$`, inner)
	for kind, c := range map[string]struct {
		fn   func(context.Context) error
		want runner.Function
	}{
		"a function":              {ordinary, place("ordinary", lineWith(t, "func ordinary"))},
		"a literal":               {literal, place(test+".func1", lineWith(t, "literal :="))},
		"a literal that inlines":  {inlines, place(test+".func2", lineWith(t, "inlines :="))},
		"a literal that captures": {captures, place(test+".func3", lineWith(t, "captures :="))},
		"a literal in another":    {nested(), place(inner, lineWith(t, "return func(context.Context) error { return nil }"))},
		"a method value":          {m.send, runner.Function{Name: "(*mailer).send"}},
		"an inlined method value": {m.sendInlined, place("(*mailer).sendInlined", lineWith(t, "func (m *mailer) sendInlined"))},
		"a generic function":      {generic[int], place("generic[...]", lineWith(t, "func generic"))},
	} {
		t.Run(kind, func(t *testing.T) {
			var got runner.Callback
			r := newRunner(t, runner.Config{Observers: []runner.Observer{{
				Finished: func(_ context.Context, info runner.FinishedInfo) { got = info.Callback },
			}}})
			require.NoError(t, r.Go(t.Context(), "it", c.fn))
			drain(t, r)
			require.Equal(t, c.want, asFunction(got.Function()))
		})
	}
}

func TestAFunctionSaysItsPlaceIfItIsKnown(t *testing.T) {
	require.Equal(t, "main.f (/src/main.go:7)", runner.Function{Name: "main.f", File: "/src/main.go", Line: 7}.String())
	require.Equal(t, "main.(*shop).send", runner.Function{Name: "main.(*shop).send"}.String())
	require.Empty(t, runner.Callback{}.Function().String())
}

// Nothing between the call and the events puts another function around the user's.
func TestEachWayToAskAndEachOptionKeepsTheFunction(t *testing.T) {
	wrapper := func(ctx context.Context) error { return ordinary(ctx) }
	always := runner.When(func(runner.Request) bool { return true })
	options := map[string][]runner.Option{
		"none": nil, "Timeout": {runner.Timeout(time.Hour)}, "Retry": {runner.RetryBackoff(2, every(time.Second))}, "Once": {runner.Once("")},
		"Coalesce": {runner.Coalesce("")}, "When": {always}, "Ref": {runner.Ref("order 7")}, "nil Wraps": {runner.Wraps(nil)},
	}
	for name, opts := range options {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFunctions(t)
				ctx, release := f.runner.Scope(t.Context())
				require.NoError(t, runner.After(ctx, "After", ordinary, opts...))
				require.NoError(t, f.runner.After(ctx, "Runner.After", ordinary, opts...))
				require.NoError(t, runner.AfterAll(ctx, runner.Call{Name: "AfterAll", Func: ordinary, Options: opts}))
				if name != "Once" {
					require.NoError(t, f.runner.Go(ctx, "Go", ordinary, opts...))
				}
				release(nil)
				time.Sleep(time.Minute)
				f.require("ordinary", "After", "Runner.After", "AfterAll")
			})
		})
	}
	t.Run("Do", func(t *testing.T) {
		f := newFunctions(t)
		require.ErrorIs(t, f.runner.Do(t.Context(), "Do", ordinary), errBroken)
		require.ErrorIs(t, f.runner.Do(t.Context(), "Wraps", wrapper, runner.Wraps(ordinary)), errBroken)
		f.require("ordinary", "Do", "Wraps")
	})
	t.Run("Wraps", func(t *testing.T) {
		f := newFunctions(t)
		require.NoError(t, f.runner.Go(t.Context(), "Wraps", wrapper, runner.Wraps(ordinary), runner.Wraps(nil)))
		require.NoError(t, f.runner.Go(t.Context(), "the.last.one.counts", wrapper, runner.Wraps(wrapper), runner.Wraps(ordinary)))
		drain(t, f.runner)
		f.require("ordinary", "Wraps", "the.last.one.counts")
	})
}

// Of two callbacks that are merged, each has its own function to its end.
func TestACoalescedCallbackNamesItsOwnFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFunctions(t)
		g := newGate(t)
		for range 4 {
			require.NoError(t, f.runner.Go(t.Context(), "busy", g.wait))
		}
		require.NoError(t, f.runner.Go(t.Context(), "it", ordinary, runner.Coalesce("")))
		require.NoError(t, f.runner.Go(t.Context(), "it", nothing, runner.Coalesce("")))
		g.release()
		time.Sleep(time.Second)
		require.Equal(t, []string{"it accepted ordinary", "it accepted nothing", "it finished ordinary", "it started nothing", "it finished nothing"}, f.of("it"))
	})
}

func TestEveryEventNamesTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFunctions(t)
		g := newGate(t)
		slow := func(context.Context) error { <-g.open; return errBroken }
		for range 4 {
			require.NoError(t, f.runner.Go(t.Context(), "stuck", slow, runner.Timeout(2*time.Second)))
		}
		require.NoError(t, f.runner.Go(t.Context(), "late", ordinary, runner.RetryBackoff(2, every(time.Second))))
		for f.runner.Go(t.Context(), "folded", ordinary) == nil {
		}
		time.Sleep(time.Minute)
		g.release()
		time.Sleep(time.Minute)
		f.require("TestEveryEventNamesTheFunction.func1.1", "stuck")
		f.require("ordinary", "late", "folded")
		for _, event := range []string{"stuck stuck", "late late", "late retried", "late failed", "folded folded", "folded rejected", "late accepted", "late started", "late finished"} {
			require.True(t, slices.ContainsFunc(f.lines, func(line string) bool { return strings.HasPrefix(line, event+" ") }), event)
		}
	})
}

// functions is a runner and, for each of its events, a line with the name of the
// callback, the event and the function.
type functions struct {
	t      *testing.T
	runner *runner.Runner

	mu    sync.Mutex
	lines []string // guarded by mu
}

// newFunctions returns functions with a runner of four workers, which counts two names
// apart.
func newFunctions(t *testing.T) *functions {
	t.Helper()
	f := &functions{t: t}
	f.runner = newRunner(t, runner.Config{Workers: 4, MaxStuck: 4, Queue: 3, MaxNames: 2, Observers: []runner.Observer{{
		Folded: func(_ context.Context, first runner.Callback) { f.note("folded", first) },
		Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
			f.note("accepted", info.Callback)
			return nil
		},
		Rejected: func(_ context.Context, info runner.RejectedInfo) { f.note("rejected", info.Callback) },
		Started: func(_ context.Context, info runner.StartedInfo) context.Context {
			f.note("started", info.Callback)
			return nil
		},
		StartedLate: func(_ context.Context, info runner.StartedInfo) { f.note("late", info.Callback) },
		Retried:     func(_ context.Context, info runner.RetriedInfo) { f.note("retried", info.Callback) },
		Stuck:       func(_ context.Context, info runner.StuckInfo) { f.note("stuck", info.Callback) },
		Finished:    func(_ context.Context, info runner.FinishedInfo) { f.note("finished", info.Callback) },
		Failed:      func(_ context.Context, info runner.FinishedInfo) { f.note("failed", info.Callback) },
	}}})
	return f
}

func (f *functions) note(event string, c runner.Callback) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = append(f.lines, fmt.Sprintf("%s %s %s", c.Name, event, asFunction(c.Function()).Name))
}

// of returns the lines of a callback.
func (f *functions) of(name string) (lines []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.lines {
		if strings.HasPrefix(line, name+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// require requires that all events of the callbacks name the function.
func (f *functions) require(function string, callbacks ...string) {
	f.t.Helper()
	for _, name := range callbacks {
		lines := f.of(name)
		require.NotEmpty(f.t, lines, name)
		for _, line := range lines {
			require.True(f.t, strings.HasSuffix(line, " "+function), line)
		}
	}
}
