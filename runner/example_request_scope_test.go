package runner_test

import (
	"context"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// An adapter for a server that is not net/http opens a scope for each request, and releases
// it once the response has been written.
func ExampleRunner_RequestScope() {
	r, err := runner.New(runner.Config{Workers: 1})
	if err != nil {
		panic(err)
	}
	ctx, release := r.RequestScope(context.Background())
	err = runner.After(ctx, "order.email", func(ctx context.Context) error { // in a handler
		req, _ := runner.RequestFrom(ctx)
		fmt.Println("mail after", req.Method, req.Pattern, req.Status)
		return nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("the response is written")
	release(runner.Request{Method: "POST", Pattern: "/orders/{id}", Status: 201})
	fmt.Println(runner.Wait(ctx))
	// Output:
	// the response is written
	// mail after POST /orders/{id} 201
	// <nil>
}

// An RPC over HTTP answers 200 also when it fails. The interceptor knows better.
func ExampleSetRPC() {
	r, err := runner.New(runner.Config{Workers: 1})
	if err != nil {
		panic(err)
	}
	ctx, release := r.RequestScope(context.Background())
	err = runner.After(ctx, "order.audit", func(ctx context.Context) error {
		req, _ := runner.RequestFrom(ctx)
		fmt.Println(req.RPC, req.Pattern, req.Code)
		return nil
	})
	if err != nil {
		panic(err)
	}
	runner.SetPattern(ctx, "shop.v1.Orders/Place")
	runner.SetRPC(ctx, "connectrpc", "unavailable")
	release(runner.Request{Status: 200})
	fmt.Println(runner.Wait(ctx))
	// Output:
	// connectrpc shop.v1.Orders/Place unavailable
	// <nil>
}
