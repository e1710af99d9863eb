package lint_test

import (
	"context"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// durableBooks are those of a queue of durable tasks that has done nothing. They show all the metrics that there
// are: what they count is not asked here.
type durableBooks struct{}

// Stats implements [telemetry.Books].
func (b durableBooks) Stats() runner.Stats { return b.Snapshot().Stats }

// Snapshot implements [telemetry.Books].
func (durableBooks) Snapshot() runner.Snapshot {
	return runner.Snapshot{Stats: runner.Stats{Name: "durable"}}
}

// DurableCounts implements [telemetry.DurableBooks].
func (durableBooks) DurableCounts() telemetry.DurableCounts {
	return telemetry.DurableCounts{Tasks: []telemetry.DurableTaskCounts{{Name: "a"}}}
}

// Store implements [telemetry.DurableBooks].
func (durableBooks) Store(context.Context) (telemetry.Store, bool) {
	return telemetry.Store{Queues: []telemetry.StoreQueue{{Name: "default", Tasks: map[string]int{names.StateDue: 0}}}}, true
}
