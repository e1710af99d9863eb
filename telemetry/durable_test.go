package telemetry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// durableBooks are the books of a queue of durable tasks, without the queue.
type durableBooks struct{ closed bool }

func (b durableBooks) Stats() runner.Stats {
	return runner.Stats{Name: "durable", Workers: 100, Asked: 1, Closed: b.closed}
}

func (b durableBooks) Snapshot() runner.Snapshot {
	s := runner.Snapshot{Stats: b.Stats(), Callbacks: []runner.CallbackStats{{Name: "order.mail", Asked: 1}}}
	s.Callbacks[0].Outcomes[runner.OutcomeSuccess] = 1
	s.Rejections[runner.ReasonStore] = 1
	return s
}

func (durableBooks) Durable() telemetry.DurableStats {
	return telemetry.DurableStats{
		Callbacks:  []telemetry.DurableCallback{{Name: "order.mail", Returned: 2, Interrupted: 3}},
		LeasesLost: 1, StoreErrors: 1,
		Store: &telemetry.DurableStore{Processes: 2, Queues: []telemetry.DurableQueue{{
			Name: "mails", Paused: true, Age: 90 * time.Second,
			Tasks: []telemetry.DurableTasks{{State: names.StateScheduled, N: 1}, {State: names.StateDue, N: 5}, {State: names.StateRunning, N: 1}, {State: names.StateRetrying, N: 1}, {State: names.StateDead, N: 7}},
		}}},
	}
}

func TestDurableTasksHaveTheMetricsOfCallbacksAndTheirOwn(t *testing.T) {
	g := newRig(t, nil)
	require.NoError(t, g.tel.ObserveDurable(durableBooks{}))
	series := g.series()
	require.InEpsilon(t, 1, series[`afterglow_callbacks_total{callback="order.mail",mode="durable",outcome="success",runner="durable"}`], 0)
	require.InEpsilon(t, 5, series[`afterglow_durable_tasks{queue="mails",runner="durable",state="due"}`], 0)
	require.InEpsilon(t, 7, series[`afterglow_durable_tasks{queue="mails",runner="durable",state="dead"}`], 0)
	require.InEpsilon(t, 90, series[`afterglow_durable_oldest_due_seconds{queue="mails",runner="durable"}`], 0)
	require.InEpsilon(t, 1, series[`afterglow_durable_paused{queue="mails",runner="durable"}`], 0)
	require.InEpsilon(t, 2, series[`afterglow_durable_processes{runner="durable"}`], 0)
	require.InEpsilon(t, 2, series[`afterglow_durable_returned_total{callback="order.mail",runner="durable"}`], 0)
	require.NotContains(t, series, `afterglow_queue_depth{mode="durable",runner="durable"}`, "they wait in a database")
}

func TestARunnerTakesNoNameOfAQueueOfDurableTasks(t *testing.T) {
	g := newRig(t, nil)
	require.NoError(t, g.tel.ObserveDurable(durableBooks{closed: true}))
	_, err := runner.New(runner.Config{Name: "durable", Observers: []runner.Observer{g.tel.Observer()}})
	require.Error(t, err)
}
