package runner_test

import (
	"context"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// What runs now, with the reference that Ref gave it.
func ExampleRunner_Running() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	err = r.Do(context.Background(), "report.page", func(context.Context) error {
		for _, run := range r.Running(10) {
			fmt.Printf("%s (%s), attempt %d, stuck: %t\n", run.Name, run.Ref, run.Attempt, run.Stuck)
		}
		return nil
	}, runner.Ref("report 7"))
	if err != nil {
		panic(err)
	}
	// Output: report.page (report 7), attempt 1, stuck: false
}
