// Package exposition has nothing to import: its tests read what the telemetry
// exposes as Prometheus does, with its own parser, which the library itself
// must not depend on.
package exposition
