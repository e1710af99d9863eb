package runner_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// An order needs both of its callbacks. There is one place for two, so the handler
// answers 503 and has promised nothing.
func ExampleAfterAll() {
	r, err := runner.New(runner.Config{Queue: 1})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	err = runner.AfterAll(ctx,
		runner.Call{Name: "order.email", Func: func(context.Context) error { return nil }},
		runner.Call{Name: "order.stock", Func: func(context.Context) error { return nil }},
	)
	fmt.Println("queue full:", errors.Is(err, runner.ErrQueueFull))
	release(nil)
	fmt.Println(r.Stats().Outcomes)
	// Output:
	// queue full: true
	// 2 rejected
}
