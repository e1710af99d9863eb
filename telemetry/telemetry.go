package telemetry

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Telemetry is the metrics, spans and records of any number of runners. It is
// safe for concurrent use. It has no goroutine and needs no closing; what
// exports spans and records is flushed by its owner, after the runners have
// been shut down.
type Telemetry struct {
	catalog   *catalog
	runners   *runners
	tracing   *tracing
	logging   *logging
	processes processKey
	drains    drainKey
	signals   *signals
	flight    *FlightRecorder // nil: none
	scrapes   scrapes
	durables  *durableCollector
}

// New returns a Telemetry whose metrics are registered. It fails if a field
// of cfg cannot be used, and if the registerer has these metrics already.
func New(cfg Config) (*Telemetry, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	t := &Telemetry{
		catalog: new(catalog),
		runners: &runners{byName: make(map[string]*observed)},
		signals: newSignals(cfg),
		flight:  cfg.FlightRecorder,
	}
	known := new(functions)
	t.tracing = newTracing(cfg, &t.signals.traces, known)
	t.processes, t.drains = processKey{owner: t.tracing}, drainKey{owner: t.tracing}
	t.logging = newLogging(cfg, t.processes, known)
	t.signals.tellTo(t.logging)

	t.durables = newDurableCollector(cfg.Registerer, t.runners, t.catalog)

	err := cfg.Registerer.Register(newCollector(t.runners, t.catalog, t.signals))
	if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) {
		return nil, fmt.Errorf("telemetry: this Registerer has the metrics of a Telemetry already: share that one between the runners, or set another Config.Registerer: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: registering the metrics: %w: the Registerer may add no label of the names %s, and no other collector in it may have a metric afterglow_...: wrap it otherwise, or use a registry of its own",
			err, strings.Join(ownLabels(), ", "))
	}
	return t, nil
}
