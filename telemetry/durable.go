package telemetry

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Books are what a Telemetry reads at each scrape: those of a [runner.Runner], or of a
// queue of durable tasks.
type Books interface {
	Stats() runner.Stats
	Snapshot() runner.Snapshot
}

// DurableBooks are the books of a queue of durable tasks, with what a runner has not.
type DurableBooks interface {
	Books
	Durable() DurableStats
}

// DurableStats is what a queue of durable tasks counts beside its books.
type DurableStats struct {
	Callbacks   []DurableCallback
	LeasesLost  uint64        // times that the process could not write its heartbeat in time
	StoreErrors uint64        // reads of Store that failed
	Store       *DurableStore // nil: another process shows it, or the read failed
}

// DurableCallback counts attempts of one name.
type DurableCallback struct {
	Name        string
	Returned    uint64 // of tasks that were taken from dead processes
	Interrupted uint64 // that a shutdown or a lost heartbeat has ended
}

// DurableStore is what is in the database. All processes share it.
type DurableStore struct {
	Queues    []DurableQueue
	Processes int // that work
}

// DurableQueue is one queue in the database.
type DurableQueue struct {
	Name   string
	Paused bool
	Tasks  []DurableTasks
	Age    time.Duration // of the task that is due for longest; 0: none is
}

// DurableTasks counts tasks in one state.
type DurableTasks struct {
	State string
	N     int
}

// ObserveDurable exposes the books of a queue of durable tasks, as Observer does
// with those of a runner. Package durable calls it: set its Config.Telemetry.
func (t *Telemetry) ObserveDurable(q DurableBooks) error {
	if err := t.open(q); err != nil {
		return err
	}
	t.durables.Do(func() { t.durablesErr = t.registerer.Register(newDurableCollector(t.runners, t.catalog)) })
	if t.durablesErr != nil {
		return fmt.Errorf("telemetry: registering the metrics of durable tasks: %w", t.durablesErr)
	}
	return nil
}

// open exposes books.
func (t *Telemetry) open(b Books) error {
	if err := t.runners.open(b); err != nil {
		return err
	}
	s := b.Snapshot()
	t.catalog.runner(s.Name).layout.Store(s.Durations)
	return nil
}

// durableCollector exposes the books of durable tasks: the families of callbacks, with a label that tells them
// apart, and their own. It describes nothing to the registry, because that wants the same
// labels of all metrics of a name.
type durableCollector struct {
	collector
	own durableMetrics
}

func newDurableCollector(rs *runners, known *catalog) *durableCollector {
	c := &durableCollector{collector: *newCollector(rs, known, nil), own: newDurableMetrics()}
	c.metrics = newMetrics(prometheus.Labels{names.LabelMode: names.ModeDurable})
	return c
}

// Describe implements [prometheus.Collector].
func (*durableCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *durableCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	exemplars := c.catalog.readExemplars()
	for _, r := range c.runners.read() {
		if !r.isDurable {
			continue
		}
		c.collectRunner(ch, &r)
		for i := range r.Callbacks {
			c.collectCallback(ch, &r, &r.Callbacks[i], exemplars)
		}
		c.collectDurable(ch, &r)
	}
}

// durableMetrics describes what only durable tasks have.
type durableMetrics struct {
	tasks, oldestDue, paused, processes          *prometheus.Desc
	returned, interrupted, leasesLost, storeErrs *prometheus.Desc
}

func newDurableMetrics() durableMetrics {
	ofQueue := func(name, unit, help string, more ...string) *prometheus.Desc {
		return desc(name, unit, help, nil, append([]string{names.LabelRunner, names.LabelQueue}, more...)...)
	}
	ofCallback := func(name, help string) *prometheus.Desc {
		return desc(name, "", help, nil, names.LabelRunner, names.LabelCallback)
	}
	ofRunner := func(name, help string) *prometheus.Desc { return desc(name, "", help, nil, names.LabelRunner) }
	return durableMetrics{
		tasks:     ofQueue(names.MetricDurableTasks, "", "Durable tasks in the database, by queue and state, counted up to 100,000. Shown by one process: the one that leads, or each one if none does.", names.LabelState),
		oldestDue: ofQueue(names.MetricDurableOldestDue, seconds, "For how long the durable task that is due for longest has been, by the database's clock. 0 when none is. Shown by one process."),
		paused:    ofQueue(names.MetricDurablePaused, "", "1 if the queue of durable tasks is paused. Shown by one process."),
		processes: ofRunner(names.MetricDurableProcesses, "Processes that work durable tasks, by their heartbeats. Shown by one process."),

		returned:    ofCallback(names.MetricDurableReturned, "Attempts of durable tasks that this process has taken from dead processes: the tasks run again, or are dead letters."),
		interrupted: ofCallback(names.MetricDurableInterrupted, "Attempts of durable tasks that a shutdown or a lost heartbeat has ended: the tasks run again, and the attempts do not count."),
		leasesLost:  ofRunner(names.MetricDurableLeasesLost, "Times that this process could not write its heartbeat in time, so that its durable tasks were canceled and run again."),
		storeErrs:   ofRunner(names.MetricDurableStoreErrors, "Reads of the database's figures for this page that failed."),
	}
}

// collectDurable sends what only a queue of durable tasks has.
func (c *durableCollector) collectDurable(ch chan<- prometheus.Metric, r *read) {
	s, m := r.current.(DurableBooks).Durable(), &c.own //nolint:forcetypeassert // isDurable says so
	for _, cb := range s.Callbacks {
		ch <- c.total(m.returned, cb.Returned, r.opened, r.Name, cb.Name)
		ch <- c.total(m.interrupted, cb.Interrupted, r.opened, r.Name, cb.Name)
	}
	ch <- c.total(m.leasesLost, s.LeasesLost, r.opened, r.Name)
	ch <- c.total(m.storeErrs, s.StoreErrors, r.opened, r.Name)
	if s.Store == nil {
		return
	}
	ch <- c.gauge(m.processes, float64(s.Store.Processes), r.Name)
	for _, q := range s.Store.Queues {
		for _, t := range q.Tasks {
			ch <- c.gauge(m.tasks, float64(t.N), r.Name, q.Name, t.State)
		}
		ch <- c.gauge(m.oldestDue, q.Age.Seconds(), r.Name, q.Name)
		paused := 0.
		if q.Paused {
			paused = 1
		}
		ch <- c.gauge(m.paused, paused, r.Name, q.Name)
	}
}
