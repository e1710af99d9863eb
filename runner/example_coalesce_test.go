package runner_test

import (
	"context"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// A hundred orders make the cached page stale while the only worker is busy;
// one revalidation is enough.
func ExampleCoalesce() {
	r, err := runner.New(runner.Config{Workers: 1})
	if err != nil {
		panic(err)
	}
	busy, free := make(chan struct{}), make(chan struct{})
	_ = r.Go(context.Background(), "busy", func(context.Context) error { close(busy); <-free; return nil })
	<-busy
	for range 100 {
		_ = r.Go(context.Background(), "cache.revalidate", func(context.Context) error {
			fmt.Println("page rebuilt")
			return nil
		}, runner.Coalesce("best-sellers"))
	}
	close(free)
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(r.Stats().Outcomes)
	// Output:
	// page rebuilt
	// 2 success, 99 coalesced
}

// Three parts of one handler each want the activity logged.
func ExampleOnce() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	ctx, release := r.Scope(context.Background())
	for range 3 {
		_ = runner.After(ctx, "activity.log", func(context.Context) error {
			fmt.Println("one line")
			return nil
		}, runner.Once("visit"))
	}
	release(nil)
	_ = runner.Wait(ctx)
	// Output: one line
}
