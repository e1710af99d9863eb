package runnertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// A program that makes its own runner takes the recorder as an observer.
func ExampleRecorder() {
	var rec runnertest.Recorder
	r, _ := runner.New(runner.Config{Observers: []runner.Observer{rec.Observer()}})
	defer r.Shutdown(context.Background()) //nolint:errcheck // nothing is left

	ctx, release := r.Scope(context.Background())
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil })
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.Once("7"))
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.Once("7"))
	release(nil)
	_ = rec.Wait(context.Background())
	for _, c := range rec.All() {
		fmt.Println(c)
	}
	// Output:
	// order.email: success
	// order.email: success
	// order.email: coalesced
}

func ExampleRecorder_Outcomes() {
	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{})
		check := func(stock int) runner.Call {
			return runner.Call{Name: "stock.check", Func: func(context.Context) error {
				if stock == 0 {
					return errors.New("sold out")
				}
				return nil
			}}
		}
		_ = rt.Run(func(ctx context.Context) error { return runner.AfterAll(ctx, check(3), check(0)) })
		fmt.Printf("%v\n", rt.Recorder.Outcomes("stock.check"))
	}
	fmt.Println("failures:", failuresOf(test))
	// Output:
	// [success error]
	// failures: []
}

// The program has shut its runner down by itself, and its deadline was too short.
func ExampleRecorder_Drains() {
	synctest.Test(new(testing.T), func(*testing.T) { // stands for the test's own
		var rec runnertest.Recorder
		program := func() {
			r, _ := runner.New(runner.Config{Observers: []runner.Observer{rec.Observer()}})
			_ = r.Go(context.Background(), "report.build", func(ctx context.Context) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, _ = r.Shutdown(ctx)
		}

		program()
		for _, lost := range rec.Drains()[0].Lost {
			fmt.Println(lost.Name, lost.Outcome)
		}
	})
	// Output:
	// report.build canceled
}

func ExampleCallback() {
	synctest.Test(new(testing.T), func(*testing.T) { // stands for the test's own
		test := func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			_ = rt.Run(func(ctx context.Context) error {
				return runner.After(ctx, "order.webhook", func(context.Context) error { return errors.New("503") },
					runner.RetryBackoff(2, func(int) time.Duration { return time.Minute }), runner.Timeout(5*time.Second))
			})
			c := rt.Recorder.Named("order.webhook")[0]
			outcome, ended := c.Outcome()
			fmt.Println(ended, outcome, c.Err())
			fmt.Println(len(c.Started), "attempts, the second after", c.Retried[0].Wait)
			fmt.Println("timeout", c.Accepted.Timeout)
		}
		fmt.Println("failures:", failuresOf(test))
	})
	// Output:
	// true error 503
	// 2 attempts, the second after 1m0s
	// timeout 5s
	// failures: []
}
