// Package rules writes what watches the metrics of the telemetry package:
// recording rules and alerts for Prometheus, and routes for Alertmanager.
package rules
