package runner_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// An RPC has a scope of its own. It is released with the error that the RPC ends with,
// and Wait returns when its callbacks have ended.
func ExampleRunner_Scope() {
	r, err := runner.New(runner.Config{Workers: 1})
	if err != nil {
		panic(err)
	}
	placeOrder := func(ctx context.Context) error {
		for _, name := range []string{"order.email", "order.stock"} {
			err := runner.After(ctx, name, func(context.Context) error {
				fmt.Println("then", name)
				return nil
			})
			if err != nil {
				return err
			}
		}
		fmt.Println("first the order")
		return nil
	}

	ctx, release := r.Scope(context.Background())
	release(placeOrder(ctx))
	fmt.Println(runner.Wait(ctx))
	// Output:
	// first the order
	// then order.email
	// then order.stock
	// <nil>
}

// A command waits for its after-work before it returns.
func ExampleWait() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	err = runner.After(ctx, "report", func(context.Context) error {
		fmt.Println("report written")
		return nil
	})
	release(err)
	fmt.Println(runner.Wait(ctx))
	// Output:
	// report written
	// <nil>
}

// The interceptor of an RPC server names the method, and the callbacks see it.
func ExampleSetPattern() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	runner.SetPattern(ctx, "/shop.Orders/Place")
	_ = runner.After(ctx, "order.audit", func(ctx context.Context) error {
		req, _ := runner.RequestFrom(ctx)
		fmt.Println(req.Pattern, "has ended with:", req.Err)
		return nil
	})
	release(errors.New("out of stock"))
	_ = runner.Wait(ctx)
	// Output: /shop.Orders/Place has ended with: out of stock
}
