package telemetry

import "github.com/afterglow-go/afterglow/runner"

// Books are what a Telemetry reads at each scrape: those of a [runner.Runner], or of a
// queue of durable tasks.
type Books interface {
	Stats() runner.Stats
	Snapshot() runner.Snapshot
}

// ObserveDurable exposes the books of a queue of durable tasks, as Observer does
// with those of a runner. Package durable calls it: set its Config.Telemetry.
func (t *Telemetry) ObserveDurable(q Books) error { return t.open(q) }

// open exposes books.
func (t *Telemetry) open(b Books) error {
	if err := t.runners.open(b); err != nil {
		return err
	}
	s := b.Snapshot()
	t.catalog.runner(s.Name).layout.Store(s.Durations)
	return nil
}
