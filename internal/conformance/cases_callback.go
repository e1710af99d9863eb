package conformance

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/afterglow-go/afterglow/runner"
)

// callbackCases are about what callbacks may do and what becomes of them, for
// every kind of server.
var callbackCases = []kase{
	{"several callbacks start in the order asked", nil, inOrder},
	{"several callbacks run concurrently", nil, concurrently},
	{"callbacks ask for callbacks, one worker, queue full", nil, nested},
	{"asked for when the response has ended", nil, late},
	{"asked for by a goroutine that outlives its handler", nil, outlives},
	{"values of the context stay, its end does not reach", nil, values},
	{"error, panic and Goexit are reported once and hurt no other", nil, outcomes},
	{"callbacks for successes only, after success and failure", []Capability{Statuses}, gated},
	{"several callbacks are accepted together or not at all", nil, allOrNone},
	{"two wrappers built on After compose", nil, wrappers},
	{"two runners in one chain", []Capability{Nesting}, twoRunners},
}

func inOrder(e *env) {
	r := e.runner(runner.Config{Workers: 1})
	names := make(chan string, 5)
	client := e.serve(e.watch(func(c Call) error {
		var errs []error
		for i := range 5 {
			name := fmt.Sprint("n", i)
			errs = append(errs, runner.After(c.Context, name, func(context.Context) error { names <- name; return nil }))
		}
		return errors.Join(errs...)
	}), r)
	for range 5 {
		e.must(client(e.Context(), ""))
		e.promise()
		for i := range 5 {
			if got := receive(e, names); got != fmt.Sprint("n", i) {
				e.Errorf("callback %d is %s", i, got)
			}
		}
	}
}

// Each waits for all the others to have started.
func concurrently(e *env) {
	const n = 4
	r := e.runner(runner.Config{Workers: n + 1})
	var met sync.WaitGroup
	met.Add(n)
	done := make(chan struct{}, n)
	client := e.serve(e.watch(func(c Call) error {
		var errs []error
		for range n {
			errs = append(errs, runner.After(c.Context, "meet", func(context.Context) error {
				met.Done()
				met.Wait()
				done <- struct{}{}
				return nil
			}))
		}
		return errors.Join(errs...)
	}), r)
	e.must(client(e.Context(), ""))
	e.promise()
	for range n {
		receive(e, done)
	}
}

func nested(e *env) {
	r := e.runner(runner.Config{Workers: 1, Queue: 1})
	third := make(chan error, 1)
	client := e.serve(func(c Call) error {
		return runner.After(c.Context, "first", func(ctx context.Context) error {
			err := runner.After(ctx, "second", func(ctx context.Context) error {
				return runner.After(ctx, "third", func(ctx context.Context) error { third <- ctx.Err(); return nil })
			})
			full := runner.After(ctx, "one.too.many", func(context.Context) error { return nil })
			if !errors.Is(full, runner.ErrQueueFull) {
				e.Errorf("a full queue says %v", full)
			}
			return err
		})
	}, r)
	for range 5 {
		e.must(client(e.Context(), ""))
		if err := receive(e, third); err != nil {
			e.Error(err)
		}
		e.eventually("the runner is at rest", func() bool { s := r.Stats(); return s.Running == 0 && s.Depth == 0 })
	}
	if n := r.Stats().Outcomes[runner.OutcomeSuccess]; n != 15 {
		e.Errorf("%d callbacks have succeeded, not 15", n)
	}
}

func late(e *env) {
	r := e.runner(runner.Config{})
	kept := make(chan context.Context, 1)
	client := e.serve(e.watch(func(c Call) error { kept <- c.Context; return nil }), r)
	e.must(client(e.Context(), ""))
	e.promise()
	ran := make(chan error, 1)
	if err := runner.After(receive(e, kept), "late", func(ctx context.Context) error { ran <- ctx.Err(); return nil }); err != nil {
		e.Fatal(err)
	}
	if err := receive(e, ran); err != nil {
		e.Error(err)
	}
}

// The goroutine asks while the handler still runs, and again when the callbacks
// of its scope have begun to run.
func outlives(e *env) {
	r := e.runner(runner.Config{})
	released, ran := make(chan struct{}), make(chan string, 2)
	var begun sync.WaitGroup
	begun.Add(1)
	client := e.serve(func(c Call) error {
		defer e.ask(c.Context)()
		say := func(what string) func(context.Context) error {
			return func(context.Context) error { ran <- what; return nil }
		}
		go func() {
			if err := runner.After(c.Context, "early", say("early")); err != nil {
				e.Error(err)
			}
			begun.Done()
			<-released
			if err := runner.After(c.Context, "late", say("late")); err != nil {
				e.Error(err)
			}
		}()
		begun.Wait()
		return nil
	}, r)
	e.must(client(e.Context(), ""))
	e.promise()
	if got := receive(e, ran); got != "early" {
		e.Errorf("%s has run", got)
	}
	close(released)
	if got := receive(e, ran); got != "late" {
		e.Errorf("%s has run", got)
	}
}

type valueKey struct{}

func values(e *env) {
	r := e.runner(runner.Config{})
	got := make(chan error, 1)
	client := e.serve(e.watch(func(c Call) error {
		asked, cancel := context.WithCancelCause(context.WithValue(c.Context, valueKey{}, "mine"))
		defer cancel(errFailed)
		return runner.After(asked, "values", func(ctx context.Context) error {
			<-asked.Done()
			if c.Context.Done() != nil && e.server.Without[Overlapping] == "" { // that of some servers never ends, or waits for this callback
				<-c.Context.Done()
			}
			var problem error
			if ctx.Value(valueKey{}) != "mine" {
				problem = errors.New("the value is lost")
			}
			_, deadline := ctx.Deadline()
			if !deadline {
				problem = errors.Join(problem, errors.New("the runner's timeout is lost"))
			}
			got <- errors.Join(problem, ctx.Err())
			return nil
		})
	}), r)
	e.must(client(e.Context(), ""))
	e.promise()
	if err := receive(e, got); err != nil {
		e.Error(err)
	}
}

func outcomes(e *env) {
	var mu sync.Mutex
	finished := make(map[string]int)
	r := e.runner(runner.Config{Workers: 2, Observers: []runner.Observer{{
		Finished: func(_ context.Context, i runner.FinishedInfo) {
			mu.Lock()
			defer mu.Unlock()
			finished[fmt.Sprint(i.Name, " ", i.Outcome)]++
		},
	}}})
	client := e.serve(func(c Call) error {
		return errors.Join(
			runner.After(c.Context, "good", func(context.Context) error { return nil }),
			runner.After(c.Context, "error", func(context.Context) error { return errFailed }),
			runner.After(c.Context, "panic", func(context.Context) error { panic(errFailed) }),
			runner.After(c.Context, "goexit", func(context.Context) error { runtime.Goexit(); return nil }),
			runner.After(c.Context, "good", func(context.Context) error { return nil }),
		)
	}, r)
	const calls = 10
	for range calls {
		e.must(client(e.Context(), ""))
	}
	want := map[string]int{"good success": 2 * calls, "error error": calls, "panic panic": calls, "goexit error": calls}
	// Outcomes are counted before they are reported; the drain waits for both.
	e.eventually("everything was accepted", func() bool { return r.Stats().Asked == 5*calls && r.Stats().Reserved == 0 })
	if _, err := r.Shutdown(e.Context()); err != nil {
		e.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(finished) != fmt.Sprint(want) {
		e.Errorf("reported %v, want %v", finished, want)
	}
}

func gated(e *env) {
	r := e.runner(runner.Config{})
	client := e.serve(e.watch(func(c Call) error {
		err := runner.After(c.Context, "gated", func(context.Context) error { return nil }, runner.When(runner.Request.Succeeded))
		if c.Request == "fail" {
			return errFailed
		}
		return err
	}), r)
	const calls = 10
	for range calls {
		e.must(client(e.Context(), ""))
		e.promise()
		if _, err := client(e.Context(), "fail"); err == nil {
			e.Error("the client sees no failure")
		}
		e.promise()
	}
	e.eventually("each gate has answered", func() bool {
		o := r.Stats().Outcomes
		return o[runner.OutcomeSkipped] == calls && o[runner.OutcomeSuccess] == 3*calls
	})
}

func allOrNone(e *env) {
	r := e.runner(runner.Config{Queue: 2})
	nothing := runner.Call{Name: "nothing", Func: func(context.Context) error { return nil }}
	client := e.serve(func(c Call) error {
		if err := runner.AfterAll(c.Context, nothing, nothing, nothing); !errors.Is(err, runner.ErrQueueFull) {
			e.Errorf("three callbacks for two places: %v", err)
		}
		return runner.AfterAll(c.Context, nothing, nothing)
	}, r)
	const calls = 10
	for i := range uint64(calls) {
		e.must(client(e.Context(), ""))
		e.eventually("both callbacks have run", func() bool { return r.Stats().Outcomes[runner.OutcomeSuccess] == 2*(i+1) })
	}
	if n := r.Stats().Outcomes[runner.OutcomeRejected]; n != 3*calls {
		e.Errorf("%d callbacks were rejected, not %d", n, 3*calls)
	}
}

// Each wrapper adds a value to the context and work around the callback.
func wrappers(e *env) {
	r := e.runner(runner.Config{})
	trail := make(chan string, 10)
	wrap := func(name string, inner after) after {
		return func(ctx context.Context, callback string, fn func(context.Context) error, opts ...runner.Option) error {
			ctx = context.WithValue(ctx, name, true) //nolint:staticcheck // the keys are this test's own
			return inner(ctx, callback, func(ctx context.Context) error {
				trail <- "enter " + name
				defer func() { trail <- "leave " + name }()
				return fn(ctx)
			}, opts...)
		}
	}
	both := wrap("inner", wrap("outer", runner.After))
	client := e.serve(e.watch(func(c Call) error {
		defer e.askOf(c.Context, both)()
		return nil
	}), r)
	e.must(client(e.Context(), ""))
	e.promise()
	e.promise()
	var got []string
	for range 4 {
		got = append(got, receive(e, trail))
	}
	if want := []string{"enter outer", "enter inner", "leave inner", "leave outer"}; !slices.Equal(got, want) {
		e.Errorf("got %s", strings.Join(got, ", "))
	}
}

func twoRunners(e *env) {
	a, b := e.runner(runner.Config{Name: "a"}), e.runner(runner.Config{Name: "b"})
	client := e.serve(func(c Call) error {
		for _, how := range []after{a.After, b.After, runner.After} {
			defer e.askOf(c.Context, how)()
		}
		return c.Write([]byte("x"))
	}, a, b)
	for range 20 {
		e.must(client(e.Context(), ""))
		for range 3 {
			e.promise()
		}
	}
	if x, y := a.Stats().Asked, b.Stats().Asked; x != 20 || y != 40 {
		e.Errorf("the outer runner was asked for %d callbacks, the inner one for %d", x, y)
	}
}
