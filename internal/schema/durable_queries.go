package schema

import "github.com/afterglow-go/afterglow/telemetry/names"

// durableQueries are the same for the metrics that only durable tasks have.
var durableQueries = map[string]string{
	names.MetricDurableAttempts:    `sum by (callback) (rate(afterglow_durable_attempts_total[5m]))`,
	names.MetricDurableReturned:    `sum by (runner, callback) (increase(afterglow_durable_returned_total[15m])) > 0`,
	names.MetricDurableInterrupted: `sum by (runner, callback) (increase(afterglow_durable_interrupted_total[1h])) > 0`,
	names.MetricDurableLeasesLost:  `sum by (runner) (increase(afterglow_durable_leases_lost_total[1h])) > 0`,
	names.MetricDurableTasks:       `sum by (runner, queue, state) (afterglow_durable_tasks)`,
	names.MetricDurableOldestDue:   `max by (runner, queue) (afterglow_durable_oldest_due_seconds) > 60`,
	names.MetricDurablePaused:      `max by (runner, queue) (afterglow_durable_paused) == 1`,
	names.MetricDurableProcesses:   `max by (runner, queue) (afterglow_durable_processes) == 0`,
	names.MetricDurableLeaders:     `max by (runner) (afterglow_durable_leaders) == 0`,
	names.MetricDurableStoreAge:    `max by (runner) (afterglow_durable_store_age_seconds) > 60`,
	names.MetricDurableStoreErrors: `sum by (runner) (increase(afterglow_durable_store_errors_total[5m])) > 0`,
}
