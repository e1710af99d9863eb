package runnertest

import (
	"slices"

	"github.com/afterglow-go/afterglow/runner"
)

// Option changes what [New] does.
type Option struct{ failOn []runner.Outcome }

// FailOn says which outcomes fail the test at its end, whichever callback has
// them: FailOn(runner.OutcomePanic, runner.OutcomeError, runner.OutcomeTimeout,
// runner.OutcomeRejected) for a test in which everything must go well, FailOn() for
// one that looks at the outcomes itself. Without this option it is
// FailOn(runner.OutcomePanic). Of several the last one counts.
func FailOn(outcomes ...runner.Outcome) Option { return Option{failOn: slices.Clone(outcomes)} }
