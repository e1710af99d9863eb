// Package signals has nothing to import: its tests use the telemetry together
// with what the library itself must not depend on, such as the log SDK of
// OpenTelemetry with its bridge for slog, and the reader of execution traces.
package signals
