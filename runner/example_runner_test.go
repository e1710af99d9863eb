package runner_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// The error of New names each field that cannot be used.
func ExampleNew() {
	_, err := runner.New(runner.Config{
		Name:   "shop",
		Limits: map[string]int{"order.webhook": 8}, // at once
	})
	fmt.Println(err)
	_, err = runner.New(runner.Config{Workers: -1})
	fmt.Println(err)
	// Output:
	// <nil>
	// runner: Config.Workers is -1: use 0 for the default, or a positive number
}

// What takes too long is named.
func ExampleRunner_Shutdown() {
	r, err := runner.New(runner.Config{Name: "shop"})
	if err != nil {
		panic(err)
	}
	started := make(chan struct{})
	_ = r.Go(context.Background(), "report.page", func(ctx context.Context) error {
		close(started)
		<-ctx.Done() // the drain gives up
		return context.Cause(ctx)
	}, runner.Ref("report 7"))
	<-started
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	report, err := r.Shutdown(ctx)
	fmt.Println(err != nil, report.Completed, "completed")
	for _, lost := range report.Lost {
		fmt.Println(lost.Name, lost.Ref, lost.Outcome)
	}
	// Output:
	// true 0 completed
	// report.page report 7 canceled
}

// The totals, cheaply.
func ExampleRunner_Stats() {
	r, err := runner.New(runner.Config{Workers: 4, Queue: 100})
	if err != nil {
		panic(err)
	}
	_ = r.Do(context.Background(), "report.page", func(context.Context) error { return nil })
	s := r.Stats()
	fmt.Println(s.Asked, "asked,", s.Outcomes, "-", s.Depth, "of", s.Capacity, "places taken,", s.Workers, "workers")
	// Output: 1 asked, 1 success - 0 of 100 places taken, 4 workers
}

// What a readiness probe answers.
func ExampleRunner_Ready() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Ready())
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(r.Ready())
	// Output:
	// true
	// false
}

// Telemetry's observer names traces. This one reads its own value.
func ExampleRunner_TraceID() {
	type traceKey struct{}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{{
		TraceID: func(ctx context.Context) string { id, _ := ctx.Value(traceKey{}).(string); return id },
	}}})
	if err != nil {
		panic(err)
	}
	ctx := context.WithValue(context.Background(), traceKey{}, "4bf92f3577b34da6")
	_ = r.Do(ctx, "report.page", func(ctx context.Context) error {
		fmt.Println("see trace", r.TraceID(ctx))
		return nil
	})
	// Output: see trace 4bf92f3577b34da6
}

// Calls that ask for nothing are counted for the whole process.
func ExampleMisuses() {
	before := runner.Misuses()
	err := runner.After(context.Background(), "order.email", func(context.Context) error { return nil }) // no request, no scope
	fmt.Println(errors.Is(err, runner.ErrNoScope))
	after := runner.Misuses()
	fmt.Println(runner.MisuseNoScope, after[runner.MisuseNoScope]-before[runner.MisuseNoScope])
	// Output:
	// true
	// no_scope 1
}
