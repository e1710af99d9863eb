package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// here is the place of its caller, as a stack says it, moved down by some lines.
func here(down int) string {
	_, file, line, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", file, line+down)
}

// top is the place of the first frame of a stack.
func top(stack string) string {
	where, _, _ := strings.Cut(strings.Split(stack, "\n")[1], " +0x")
	return strings.TrimPrefix(where, "\t")
}

func function(stack string, n int) string { return strings.Split(stack, "\n")[2*n] }

type box struct{ content *box }

// open is inlined: its frame has no arguments.
func (b *box) open() *box { return b.content }

//go:noinline
func nth[E any](all []E, n int) E { return all[n] }

// rethrow panics with what it recovers. It is not inlined, so that it has a
// frame of its own.
//
//go:noinline
func rethrow() {
	if v := recover(); v != nil {
		panic(v)
	}
}

var unset map[string]int

func TestAPanicsStackBeginsAtTheLineThatPanicked(t *testing.T) {
	var want string
	for name, c := range map[string]struct {
		fn     func(context.Context) error
		frames int // of the callback
	}{
		"panic": {func(context.Context) error { want = here(0); panic("no") }, 1},
		"in a helper that is inlined": {func(context.Context) error {
			var b *box
			return fmt.Errorf("%v", b.open())
		}, 2},
		"in a generic function": {func(context.Context) error { nth([]int{}, 3); return nil }, 2},
		"nil map": {func(context.Context) error {
			want = here(1)
			unset["a"] = 1
			return nil
		}, 1},
		"type assertion": {func(context.Context) error {
			want = here(2)
			var a any = 1
			_ = a.(string)
			return nil
		}, 1},
		"in a deferred call during a panic": {func(context.Context) error {
			want = here(1)
			defer func() { panic("second") }()
			panic("first")
		}, 3},
		"thrown again": {func(context.Context) error {
			defer rethrow()
			panic("no")
		}, 3},
		"panic of nil": {func(context.Context) error {
			want = here(1)
			panic(nil) //nolint:govet // this is what is tested
		}, 1},
		"in the standard library": {func(context.Context) error { _ = strings.Repeat("x", -1-len(unset)); return nil }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			want = ""
			g := newRig(t, nil)
			g.run(g.runner(runner.Config{}), "a", c.fn)
			stack := g.record(slog.LevelError, names.LogPanicked)["exception.stacktrace"].(string)
			require.Equal(t, stack, attrs(event(t, g.span("process a"), "exception").Attributes)["exception.stacktrace"])
			require.NotContains(t, stack, "debug.Stack")
			require.NotContains(t, stack, "afterglow/runner.", stack)
			require.Len(t, strings.Split(stack, "\n"), 2*c.frames, stack)
			switch name {
			case "in a helper that is inlined":
				require.Contains(t, function(stack, 0), "(*box).open(...)")
			case "in a generic function":
				require.Contains(t, function(stack, 0), ".nth[...](")
			case "thrown again":
				require.Contains(t, function(stack, 0), ".rethrow(")
				require.Contains(t, function(stack, 1), "panic(", "and below it where it came from")
			case "in the standard library":
				require.Contains(t, function(stack, 0), "strings.Repeat(")
			default:
				require.Equal(t, want, top(stack), stack)
			}
		})
	}
}

func TestADeepStackHasNoFramesOfOurs(t *testing.T) {
	require.Equal(t, "main.f()\n\tf.go:1\n...20 frames elided...\nmain.g()\n\tg.go:1", stackSeen(t, `goroutine 1 [running]:
panic({0x4b26a0?, 0x5862f0?})
	panic.go:860 +0x13a
main.f()
	f.go:1
...20 frames elided...
main.g()
	g.go:1
github.com/afterglow-go/afterglow/runner.call({0x4c949a?, 0x0?}, 0x70?)
	worker.go:170 +0x4c
created by github.com/afterglow-go/afterglow/runner.(*Runner).lendNext in goroutine 7
	worker.go:20 +0x4c
`))
}

// A callback may run what has frames of the runner in it; those below them are
// its own all the same.
func TestAPanicBehindTheMiddlewareKeepsTheCallbacksFrames(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	g.run(r, "a", func(ctx context.Context) error {
		h := r.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("in a handler") }))
		return serveWith(ctx, h)
	})
	stack := g.record(slog.LevelError, names.LogPanicked)["exception.stacktrace"].(string)
	require.Contains(t, stack, ".serveWith(")
	require.NotContains(t, stack, "runner.call(")
}

//go:noinline
func serveWith(ctx context.Context, h http.Handler) error {
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	return nil
}

func TestAStackOfAnotherShapeIsShownAsItIs(t *testing.T) {
	for _, stack := range []string{
		"",
		"not a stack",
		"goroutine 1 [running]:",
		"goroutine 1 [running]:\npanic({0x1, 0x2})\n\tpanic.go:860",
	} {
		require.Equal(t, stack, stackSeen(t, stack))
	}
}

// This is what GOTRACEBACK=system shows.
func TestTheRuntimesOwnFramesAreNotTheLineThatPanicked(t *testing.T) {
	require.Equal(t, "main.pay(...)\n\tpay.go:7", stackSeen(t, `goroutine 1 [running]:
runtime/debug.Stack()
	stack.go:26 +0x5e
github.com/afterglow-go/afterglow/runner.call.func1()
	worker.go:163 +0x49
panic({0x4b26a0?, 0x5862f0?})
	panic.go:860 +0x13a
runtime.panicmem(...)
	panic.go:301
internal/runtime/maps.(*Map).PutSlot(...)
	map.go:1
main.pay(...)
	pay.go:7
github.com/afterglow-go/afterglow/runner.call({0x4c949a?, 0x0?}, 0x70?)
	worker.go:170 +0x4c
github.com/afterglow-go/afterglow/runner.(*Runner).work(0x1)
	worker.go:32 +0x4c
runtime.goexit({})
	asm_amd64.s:1700 +0x1
created by github.com/afterglow-go/afterglow/runner.(*Runner).lendNext in goroutine 7
	worker.go:20 +0x4c
`))
}

// stackSeen is what a record shows of a panic with that stack.
func stackSeen(t *testing.T, stack string) string {
	g := newRig(t, nil)
	now := time.Now()
	info := runner.FinishedInfo{
		StartedInfo: runner.StartedInfo{Callback: runner.Callback{Runner: "web", Name: "a", Asked: now}, Due: now, Started: now},
		Outcome:     runner.OutcomePanic, Finished: now,
		Err: errors.Join(&runner.PanicError{Value: "no", Stack: []byte(stack)}),
	}
	g.tel.Observer().Finished(t.Context(), info)
	return g.record(slog.LevelError, names.LogPanicked)["exception.stacktrace"].(string)
}
