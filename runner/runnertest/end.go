package runnertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// end shuts the runner down and fails the test on what is left over.
func (rt *Runner) end() {
	rt.t.Helper()
	byTest := rt.Stats().Closed
	// The test's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	report, _ := rt.Shutdown(ctx) // the report says more than the error
	if !byTest {
		for _, l := range report.Lost {
			rt.t.Errorf("runnertest: %s", leftover(l))
		}
	}
	for _, c := range rt.Recorder.All() {
		if o, ok := c.Outcome(); ok && slices.Contains(rt.failOn, o) {
			rt.t.Errorf("runnertest: callback %s%s", c, panicStack(c.Err()))
		}
	}
	if n := rt.Stats().ObserverPanics; n > 0 {
		rt.t.Errorf("runnertest: observers panicked %d times", n)
	}
}

// leftover says what a callback that the end of the test has lost was doing.
func leftover(l runner.Lost) string {
	if l.Outcome == runner.OutcomeDropped {
		return fmt.Sprintf("callback %s was asked for and never started: was its scope released?", l.Name)
	}
	s := fmt.Sprintf("callback %s had not ended at the end of the test (%s, %v after its start)", l.Name, l.Outcome, l.Ran.Round(time.Millisecond))
	return s + indented(l.Stack)
}

// panicStack is the stack of a panic, on lines of its own.
func panicStack(err error) string {
	var p *runner.PanicError
	if !errors.As(err, &p) {
		return ""
	}
	return indented(string(p.Stack))
}

func indented(stack string) string {
	if stack == "" {
		return ""
	}
	return "\n\t" + strings.ReplaceAll(strings.TrimSpace(stack), "\n", "\n\t")
}
