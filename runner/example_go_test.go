package runner_test

import (
	"context"
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Work that belongs to no request is due at once.
func ExampleRunner_Go() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	err = r.Go(context.Background(), "cache.warm", func(ctx context.Context) error {
		_, limited := ctx.Deadline()
		fmt.Println("warming the cache, with a timeout:", limited)
		return nil
	}, runner.Timeout(5*time.Second))
	if err != nil {
		panic(err)
	}
	report, err := r.Shutdown(context.Background())
	fmt.Println("lost:", len(report.Lost), "error:", err)
	// Output:
	// warming the cache, with a timeout: true
	// lost: 0 error: <nil>
}
