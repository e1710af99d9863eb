package runner_test

import (
	"context"
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// A loop without an end would hold every drain to its deadline. It ends by itself
// when the drain begins.
func ExampleDraining() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	began := make(chan struct{})
	poll := func(ctx context.Context) error {
		close(began)
		for {
			select {
			case <-time.After(time.Hour):
				// look for new work
			case <-runner.Draining(ctx):
				fmt.Println("loop ends")
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	if err := r.Go(context.Background(), "inbox.poll", poll, runner.Timeout(-1)); err != nil {
		panic(err)
	}
	<-began
	report, err := r.Shutdown(context.Background())
	fmt.Println("completed:", report.Completed, "error:", err)
	// Output:
	// loop ends
	// completed: 1 error: <nil>
}
