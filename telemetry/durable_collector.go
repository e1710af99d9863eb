package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// storeWait is how long a scrape waits for the store. Then it shows what was read before.
const storeWait = 500 * time.Millisecond

// durableCollector exposes queues of durable tasks: in the metrics of runners, with the label
// mode, and in metrics of their own.
//
// It describes nothing. A description has the labels of all series of a metric, and those of runners have no
// mode: without that label they are what they are in programs without durable tasks.
type durableCollector struct {
	register func() error // once

	shared *collector // with the label mode
	own    *durableMetrics
}

// durableMetrics describes what only durable tasks have.
type durableMetrics struct {
	attempts, returned, interrupted *prometheus.Desc // of a task's name

	leasesLost, leaders, storeAge, storeErrors *prometheus.Desc // of a process, or of the store
	tasks, oldestDue, paused, processes        *prometheus.Desc // of a queue in the store
}

func newDurableMetrics() *durableMetrics {
	const runnerName, callback, queue = names.LabelRunner, names.LabelCallback, names.LabelQueue
	return &durableMetrics{
		attempts: desc(names.MetricDurableAttempts, "",
			"Attempts that workers of this process have started.", runnerName, callback),
		returned: desc(names.MetricDurableReturned, "",
			"Attempts that this process has taken from processes that had died. Each task runs again, unless it was the last attempt.", runnerName, callback),
		interrupted: desc(names.MetricDurableInterrupted, "",
			"Attempts that a shutdown or a lost lease has ended. They do not count, and the task runs again.", runnerName, callback),
		leasesLost: desc(names.MetricDurableLeasesLost, "",
			"How often this process could not write its heartbeat in time, and had to cancel all that it ran.", runnerName),
		leaders: desc(names.MetricDurableLeaders, "",
			"1 if a process leads. Without one no scheduled task becomes due, and no periodic task is enqueued. From one process.", runnerName),
		storeAge: desc(names.MetricDurableStoreAge, seconds,
			"How long ago the figures of the store were read. From one process. Absent if none has read it.", runnerName),
		storeErrors: desc(names.MetricDurableStoreErrors, "",
			"Attempts to read the store that failed or took too long.", runnerName),
		tasks: desc(names.MetricDurableTasks, "",
			"Tasks in the store, by queue and state, each counted up to 100,000. From one process.", runnerName, queue, names.LabelState),
		oldestDue: desc(names.MetricDurableOldestDue, seconds,
			"For how long the longest-waiting task of the queue has been due, by the clock of the store. 0 when none waits. From one process.", runnerName, queue),
		paused: desc(names.MetricDurablePaused, "",
			"1 if the queue is paused. From one process.", runnerName, queue),
		processes: desc(names.MetricDurableProcesses, "",
			"Processes that work the queue and whose heartbeat is in time. Absent without heartbeats. From one process.", runnerName, queue),
	}
}

func newDurableCollector(r prometheus.Registerer, rs *runners, known *catalog) *durableCollector {
	c := &durableCollector{own: newDurableMetrics(), shared: newCollector(rs, known, nil)}
	c.shared.metrics = newMetrics(prometheus.Labels{names.LabelMode: names.ModeDurable})
	c.register = sync.OnceValue(func() error { return r.Register(c) })
	return c
}

// Describe implements [prometheus.Collector].
func (c *durableCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *durableCollector) Collect(ch chan<- prometheus.Metric) {
	// Exemplars are read first, as those of runners are.
	exemplars := c.shared.catalog.readExemplars()
	all := c.shared.runners.readDurable()
	stores := readStores(all)

	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	for i := range all {
		c.collectQueue(ch, &all[i])
		for j := range all[i].Callbacks {
			c.shared.collectCallback(ch, &all[i].read, &all[i].Callbacks[j], exemplars)
		}
		if stores[i] != nil {
			c.collectStore(ch, all[i].Name, stores[i])
		}
	}
}

// readStores reads all stores at once. One that this process does not show is nil.
func readStores(all []durableRead) []*Store {
	ctx, cancel := context.WithTimeout(context.Background(), storeWait)
	defer cancel()
	stores := make([]*Store, len(all))
	var reads sync.WaitGroup
	for i := range all {
		reads.Go(func() {
			if s, ok := all[i].books.Store(ctx); ok {
				stores[i] = &s
			}
		})
	}
	reads.Wait()
	return stores
}

// durableReasons are why a durable task can be rejected.
var durableReasons = []runner.Reason{runner.ReasonClosed, runner.ReasonCanceled, runner.ReasonStore}

// collectQueue sends what this process has counted.
func (c *durableCollector) collectQueue(ch chan<- prometheus.Metric, r *durableRead) {
	s := c.shared
	for _, reason := range durableReasons {
		ch <- s.total(s.rejected, r.Rejections[reason], r.opened, r.Name, reason.String())
	}
	s.collectPool(ch, &r.read)
	ch <- s.total(c.own.leasesLost, r.counts.LeasesLost, r.opened, r.Name)
	ch <- s.total(c.own.storeErrors, r.counts.StoreErrors, r.opened, r.Name)
	for _, t := range r.counts.Tasks {
		ch <- s.total(c.own.attempts, t.Attempts, r.opened, r.Name, t.Name)
		ch <- s.total(c.own.returned, t.Returned, r.opened, r.Name, t.Name)
		ch <- s.total(c.own.interrupted, t.Interrupted, r.opened, r.Name, t.Name)
	}
}

// collectStore sends what is in the store.
func (c *durableCollector) collectStore(ch chan<- prometheus.Metric, name string, store *Store) {
	s := c.shared
	ch <- s.gauge(c.own.leaders, oneIf(store.Led), name)
	ch <- s.gauge(c.own.storeAge, store.Age.Seconds(), name)
	for _, q := range store.Queues {
		for state, n := range q.Tasks {
			ch <- s.gauge(c.own.tasks, float64(n), name, q.Name, state)
		}
		ch <- s.gauge(c.own.oldestDue, q.OldestDue.Seconds(), name, q.Name)
		ch <- s.gauge(c.own.paused, oneIf(q.Paused), name, q.Name)
		if q.Processes >= 0 {
			ch <- s.gauge(c.own.processes, float64(q.Processes), name, q.Name)
		}
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
