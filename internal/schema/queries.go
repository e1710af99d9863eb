package schema

import "github.com/afterglow-go/afterglow/telemetry"

// queries has an example for each metric: what to ask Prometheus for.
var queries = map[string]string{
	telemetry.MetricCallbacks:        `sum by (callback) (rate(afterglow_callbacks_total{outcome="success"}[5m])) / sum by (callback) (rate(afterglow_callbacks_total[5m]))`,
	telemetry.MetricScheduled:        `sum by (runner, callback) (afterglow_scheduled_total) - sum by (runner, callback) (afterglow_callbacks_total)`,
	telemetry.MetricRejected:         `sum by (runner, reason) (rate(afterglow_rejected_total[5m])) > 0`,
	telemetry.MetricRetries:          `sum by (callback) (rate(afterglow_retries_total[5m])) / sum by (callback) (rate(afterglow_scheduled_total[5m]))`,
	telemetry.MetricOverrunning:      `sum by (runner, callback) (afterglow_callbacks_overrunning) > 0`,
	telemetry.MetricNamesFolded:      `increase(afterglow_names_folded_total[1h]) > 0`,
	telemetry.MetricQueueWait:        `histogram_quantile(0.99, sum by (le) (rate(afterglow_queue_wait_seconds_bucket[5m])))`,
	telemetry.MetricResponseDelay:    `histogram_quantile(0.5, sum by (le) (rate(afterglow_response_delay_seconds_bucket[5m])))`,
	telemetry.MetricCallbackDuration: `histogram_quantile(0.95, sum by (callback, le) (rate(afterglow_callback_duration_seconds_bucket[5m])))`,
	telemetry.MetricCallbackTimeout:  `histogram_quantile(0.99, sum by (callback, le) (rate(afterglow_callback_duration_seconds_bucket[5m]))) / on (callback) max by (callback) (afterglow_callback_timeout_seconds)`,
	telemetry.MetricLastSuccess:      `time() - max by (callback) (afterglow_last_success_timestamp_seconds)`,
	telemetry.MetricQueueDepth:       `afterglow_queue_depth / afterglow_queue_capacity`,
	telemetry.MetricQueueCapacity:    `predict_linear(afterglow_queue_depth[10m], 600) > afterglow_queue_capacity`,
	telemetry.MetricQueueHighWater:   `max_over_time(afterglow_queue_depth_high_water[1d])`,
	telemetry.MetricQueueOldest:      `time() - (afterglow_queue_oldest_timestamp_seconds > 0)`,
	telemetry.MetricWorkers:          `sum by (runner) (afterglow_workers)`,
	telemetry.MetricWorkersBusy:      `afterglow_workers_busy / afterglow_workers`,
	telemetry.MetricWorkerBusyTime:   `rate(afterglow_worker_busy_seconds_total[5m]) / afterglow_workers`,
	telemetry.MetricLongestRunning:   `max by (runner) (afterglow_longest_running_seconds)`,
	telemetry.MetricShutdownDuration: `max by (runner) (max_over_time(afterglow_shutdown_duration_seconds[1d]))`,
	telemetry.MetricShutdownLost:     `sum by (runner) (increase(afterglow_shutdown_lost_total[1d]))`,
	telemetry.MetricTelemetryErrors:  `sum by (signal) (rate(afterglow_telemetry_errors_total[5m])) > 0`,
	telemetry.MetricBuildInfo:        `count by (version, goversion) (afterglow_build_info)`,
}
