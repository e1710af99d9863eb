package runner_test

import (
	"context"
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// The name says what was lost, and the reference says which one.
func ExampleRef() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	began := make(chan struct{})
	deliver := func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	id := 7
	if err := r.Go(context.Background(), "order.webhook", deliver, runner.Ref(fmt.Sprint("order ", id))); err != nil {
		panic(err)
	}
	<-began
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond) // too short
	defer cancel()
	report, err := r.Shutdown(ctx)
	fmt.Println(err)
	for _, lost := range report.Lost {
		fmt.Println(lost.Name, lost.Outcome, lost.Ref)
	}
	// Output:
	// runner: drain gave up, 1 lost: context deadline exceeded
	// order.webhook canceled order 7
}
