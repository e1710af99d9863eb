package telemetry

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
)

// Telemetry is the metrics, spans and records of any number of runners. It is
// safe for concurrent use. It has no goroutine and needs no closing; what
// exports spans and records is flushed by its owner, after the runners have
// been shut down.
type Telemetry struct {
	catalog   *catalog
	metrics   *metrics
	tracing   *tracing
	logging   *logging
	processes processKey
	drains    drainKey
	state     *state
	signals   *signals
	flight    *FlightRecorder // nil: none
}

// New returns a Telemetry whose metrics are registered. It fails if a field
// of cfg cannot be used, and if the registerer has these metrics already.
func New(cfg Config) (*Telemetry, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	t := &Telemetry{
		metrics: newMetrics(cfg),
		state:   newState(),
		signals: newSignals(cfg),
		flight:  cfg.FlightRecorder,
	}
	t.tracing = newTracing(cfg, &t.signals.traces)
	t.processes, t.drains = processKey{owner: t.tracing}, drainKey{owner: t.tracing}
	t.logging = newLogging(cfg, t.processes)
	t.signals.tellTo(t.logging)
	t.catalog = newCatalog(t.metrics, t.tracing, cfg.MaxNames)

	err := cfg.Registerer.Register(newCollector(t.metrics, t.catalog, t.state, t.signals))
	if already := (prometheus.AlreadyRegisteredError{}); errors.As(err, &already) {
		return nil, fmt.Errorf("telemetry: this Registerer has the metrics of a Telemetry already: share that one between the runners, or set another Config.Registerer: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: registering the metrics: %w: the Registerer may add no label of the names %s, and no other collector in it may have a metric afterglow_...: wrap it otherwise, or use a registry of its own",
			err, strings.Join(ownLabels(), ", "))
	}
	return t, nil
}

// Watch adds r to those whose [runner.Stats] are read at each scrape: queue,
// workers, longest run. Watching a runner again changes nothing. A runner of
// the same name as one watched before is an error as long as that one has not
// been shut down, and takes its place once it has; the counters go on from
// where they were, with what the first one still runs. One that is itself shut
// down takes nobody's place.
//
// A runner's name is never forgotten, nor are the series of its callbacks, which
// Config.MaxNames bounds for each runner: names of runners are constants, as
// those of callbacks are, and not made of tenants or requests.
//
// Watch alone records no callbacks; for that the runner needs the Observer.
func (t *Telemetry) Watch(r *runner.Runner) error {
	name, err := t.state.watch(r)
	if err != nil {
		return err
	}
	t.catalog.runner(name) // Its counters exist at 0 from here on.
	return nil
}
