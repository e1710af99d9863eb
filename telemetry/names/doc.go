// Package names has every name that package telemetry gives to a metric, a
// span, a log record or a part of one. The names are API: dashboards, alerts
// and queries use these and no others.
//
// The comments of the constants are the texts of telemetry/SCHEMA.md, which is
// generated from them: run go generate in telemetry after a change. The prefix
// of a constant is its kind, such as Metric, Attr or Key.
package names
