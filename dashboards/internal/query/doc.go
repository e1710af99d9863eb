// Package query writes PromQL over the metrics of the telemetry package. It is
// the one place where dashboards and rules get their selectors, the names of
// recorded series and the expressions that they share.
package query
