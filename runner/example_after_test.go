package runner_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// What a callback asks for runs after it, to any depth. A full queue is an error
// that After returns at once.
func ExampleAfter() {
	r, err := runner.New(runner.Config{Queue: 1})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background()) // Middleware opens one for each request
	err = runner.After(ctx, "order.charge", func(ctx context.Context) error {
		fmt.Println("charged")
		return runner.After(ctx, "order.receipt", func(context.Context) error {
			fmt.Println("receipt sent")
			return nil
		})
	})
	fmt.Println("first:", err)
	err = runner.After(ctx, "order.audit", func(context.Context) error { return nil })
	fmt.Println("second: queue full:", errors.Is(err, runner.ErrQueueFull))

	release(nil)
	if err := runner.Wait(ctx); err != nil {
		panic(err)
	}
	// Output:
	// first: <nil>
	// second: queue full: true
	// charged
	// receipt sent
}
