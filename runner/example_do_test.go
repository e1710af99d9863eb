package runner_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/afterglow-go/afterglow/runner"
)

// Work that has a goroutine already is counted, observed and awaited all the same.
func ExampleRunner_Do() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	pages := make([]string, 3)
	var wg sync.WaitGroup
	for i := range pages {
		wg.Go(func() {
			err := r.Do(context.Background(), "report.page", func(context.Context) error {
				pages[i] = fmt.Sprint("page ", i+1)
				return nil
			})
			if err != nil {
				panic(err)
			}
		})
	}
	wg.Wait()
	fmt.Println(pages, r.Stats().Outcomes)
	// Output: [page 1 page 2 page 3] 3 success
}

// If the queue has no place, the caller does the work itself.
func ExampleRunner_Do_queueFull() {
	r, err := runner.New(runner.Config{Queue: 1})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	for range 2 {
		send := func(context.Context) error { fmt.Println("mail sent"); return nil }
		err := runner.After(ctx, "order.email", send)
		if errors.Is(err, runner.ErrQueueFull) {
			fmt.Println("no place: now")
			err = r.Do(ctx, "order.email", send)
		}
		if err != nil {
			panic(err)
		}
	}
	fmt.Println("then the other one")
	release(nil)
	if err := runner.Wait(ctx); err != nil {
		panic(err)
	}
	// Output:
	// no place: now
	// mail sent
	// then the other one
	// mail sent
}

// Do returns the panic of its function as an error.
func ExamplePanicError() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	err = r.Do(context.Background(), "import", func(context.Context) error { panic("no such column") })
	var p *runner.PanicError
	fmt.Println(errors.As(err, &p), p.Value)
	// Output: true no such column
}
