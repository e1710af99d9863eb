package runner_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// The figures of every name, at one moment.
func ExampleRunner_Snapshot() {
	r, err := runner.New(runner.Config{Names: []string{"order.refund"}})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil })
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil })
	_ = runner.After(ctx, "order.stock", func(context.Context) error { return errors.New("shelf not found") })
	release(nil)
	_ = runner.Wait(ctx)
	_ = r.Go(ctx, "order.stock", func(context.Context) error { return nil })
	_, _ = r.Shutdown(ctx)

	s := r.Snapshot()
	fmt.Println("asked for:", s.Asked)
	for _, c := range s.Callbacks {
		fmt.Printf("%s: %v; %d good and %d bad runs\n", c.Name, c.Outcomes, c.Success.Count(), c.Failure.Count())
	}
	// Output:
	// asked for: 4
	// order.email: 2 success; 2 good and 0 bad runs
	// order.refund: none; 0 good and 0 bad runs
	// order.stock: 1 success, 1 error; 1 good and 1 bad runs
}
