package schema

import "github.com/afterglow-go/afterglow/telemetry/names"

// queries has an example for each metric: what to ask Prometheus for.
var queries = map[string]string{
	names.MetricCallbacks:        `sum by (callback) (rate(afterglow_callbacks_total{outcome="success"}[5m])) / sum by (callback) (rate(afterglow_callbacks_total[5m]))`,
	names.MetricAsked:            `sum by (runner, callback) (afterglow_asked_total) - sum by (runner, callback) (afterglow_callbacks_total)`,
	names.MetricRejected:         `sum by (runner, reason) (rate(afterglow_rejected_total[5m])) > 0`,
	names.MetricRetries:          `sum by (callback) (rate(afterglow_retries_total[5m])) / sum by (callback) (rate(afterglow_asked_total[5m]))`,
	names.MetricStuck:            `sum by (runner, callback) (afterglow_callbacks_stuck) > 0`,
	names.MetricNamesFolded:      `increase(afterglow_names_folded_total[1h]) > 0`,
	names.MetricQueueWait:        `histogram_quantile(0.99, sum by (le) (rate(afterglow_queue_wait_seconds_bucket[5m])))`,
	names.MetricResponseDelay:    `histogram_quantile(0.5, sum by (le) (rate(afterglow_response_delay_seconds_bucket[5m])))`,
	names.MetricCallbackDuration: `histogram_quantile(0.95, sum by (callback, le) (rate(afterglow_callback_duration_seconds_bucket[5m])))`,
	names.MetricCallbackWait:     `sum by (callback) (rate(afterglow_callback_queue_wait_seconds_sum[5m])) / sum by (callback) (rate(afterglow_callback_queue_wait_seconds_count[5m]))`,
	names.MetricCallbackTimeout:  `histogram_quantile(0.99, sum by (callback, le) (rate(afterglow_callback_duration_seconds_bucket[5m]))) / on (callback) max by (callback) (afterglow_callback_timeout_seconds)`,
	names.MetricLastSuccess:      `time() - max by (callback) (afterglow_last_success_timestamp_seconds)`,
	names.MetricQueueDepth:       `afterglow_queue_depth / afterglow_queue_capacity`,
	names.MetricQueueCapacity:    `predict_linear(afterglow_queue_depth[10m], 600) > afterglow_queue_capacity`,
	names.MetricQueueHighWater:   `max_over_time(afterglow_queue_depth_high_water[1d])`,
	names.MetricQueuePlaces:      `max by (runner, state) (afterglow_queue_places / afterglow_queue_places_limit)`,
	names.MetricQueuePlacesLimit: `(afterglow_queue_places / afterglow_queue_places_limit) >= 0.5`,
	names.MetricQueueOldest:      `time() - (afterglow_queue_oldest_timestamp_seconds > 0)`,
	names.MetricQueueOldestAge:   `max by (runner) (afterglow_queue_oldest_seconds) > 60`,
	names.MetricQueueStalled:     `afterglow_queue_stalled_seconds > 300 unless afterglow_workers_on_time > 0`,
	names.MetricWorkers:          `sum by (runner) (afterglow_workers)`,
	names.MetricWorkersBusy:      `afterglow_workers_busy / afterglow_workers`,
	names.MetricWorkersOnTime:    `afterglow_workers_busy - afterglow_workers_on_time`,
	names.MetricWorkerBusyTime:   `rate(afterglow_worker_busy_seconds_total[5m]) / afterglow_workers`,
	names.MetricLongestRunning:   `max by (runner) (afterglow_longest_running_seconds)`,
	names.MetricShutdownDuration: `max by (runner) (max_over_time(afterglow_shutdown_duration_seconds[1d]))`,
	names.MetricShutdownLost:     `sum by (runner) (increase(afterglow_shutdown_lost_total[1d]))`,
	names.MetricMisuse:           `sum by (reason) (increase(afterglow_misuse_total[1h])) > 0`,
	names.MetricTelemetryErrors:  `sum by (signal) (rate(afterglow_telemetry_errors_total[5m])) > 0`,
	names.MetricBuildInfo:        `count by (version, goversion) (afterglow_build_info)`,
}
