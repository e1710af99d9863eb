package query

// The functions below name the recorded series: level:metric:operation. Every level
// keeps cluster, namespace, job and the labels of the configured matchers, see
// [Config.Labels]; instances are summed.

// BurnWindows are the windows over which burn rates are recorded.
func BurnWindows() []string { return []string{"5m", "30m", "1h", "6h", "3d"} }

// RecordedOutcomes is the rate of callbacks that ended, per second over 5
// minutes, by job, runner, callback and outcome.
func (c Config) RecordedOutcomes() string {
	return "runner_callback_outcome:" + c.prefix + "_callbacks:rate5m"
}

// RecordedCounted is the rate of callbacks that ended well or badly, per second
// over 5 minutes, by job and runner.
func (c Config) RecordedCounted() string { return "runner:" + c.prefix + "_callbacks:rate5m" }

// RecordedBad is the rate of callbacks that ended badly, per second over 5
// minutes, by job and runner; 0 where none did.
func (c Config) RecordedBad() string { return "runner:" + c.prefix + "_callbacks_bad:rate5m" }

// RecordedBurn is how many times faster than it lasts the error budget is
// spent, over one of [BurnWindows], by job and runner. No value without traffic.
func (c Config) RecordedBurn(window string) string {
	return "runner:" + c.prefix + "_error_budget_burn:ratio_rate" + window
}

// RecordedFastBurn is the error budget's burn rate over the last hour where it
// burns fast: 2 % of a month's budget in an hour. No value otherwise. An alert
// looks back at it to know that somebody has been called.
func (c Config) RecordedFastBurn() string {
	return "runner:" + c.prefix + "_error_budget_burn:fast"
}

// RecordedLatencyFastBurn is the same for the latency budget.
func (c Config) RecordedLatencyFastBurn() string {
	return "runner:" + c.prefix + "_latency_budget_burn:fast"
}

// RecordedSteady is how many callbacks per second succeeded in nine of ten
// five-minute spans of the three hours before the last one, by job, runner and
// callback: 0 for rare work. What was steady some hours ago is read from its past.
func (c Config) RecordedSteady() string {
	return "runner_callback:" + c.prefix + "_callbacks_steady:quantile3h"
}

// RecordedStarts is the rate of callbacks started, per second over 5 minutes,
// by job and runner.
func (c Config) RecordedStarts() string { return "runner:" + c.prefix + "_starts:rate5m" }

// RecordedLate is the rate of those of them that had waited for more than a
// second.
func (c Config) RecordedLate() string { return "runner:" + c.prefix + "_starts_late:rate5m" }

// RecordedLatencyBurn is the same as RecordedBurn for the latency budget.
func (c Config) RecordedLatencyBurn(window string) string {
	return "runner:" + c.prefix + "_latency_budget_burn:ratio_rate" + window
}
