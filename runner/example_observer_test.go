package runner_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// An observer of failures only. A callback that succeeds costs it nothing.
func ExampleObserver() {
	r, err := runner.New(runner.Config{Observers: []runner.Observer{{
		Failed: func(_ context.Context, info runner.FinishedInfo) {
			fmt.Printf("%s: %v: %v\n", info.Name, info.Outcome, info.Err)
		},
		DrainFinished: func(_ context.Context, report runner.Report) {
			fmt.Println("completed:", report.Completed, "lost:", len(report.Lost))
		},
	}}})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	_ = runner.After(ctx, "order.email", func(context.Context) error { return errors.New("no such mailbox") })
	_ = runner.After(ctx, "order.stock", func(context.Context) error { return nil })
	release(nil)
	_ = runner.Wait(ctx)
	_, _ = r.Shutdown(context.Background())
	// Output:
	// order.email: error: no such mailbox
	// completed: 0 lost: 0
}
