package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Books are what a Telemetry reads at each scrape: those of a [runner.Runner], or of a
// queue of durable tasks.
type Books interface {
	Stats() runner.Stats
	Snapshot() runner.Snapshot
}

// DurableBooks are those of a queue of durable tasks. Package durable has them.
type DurableBooks interface {
	Books

	// DurableCounts returns what this process has counted.
	DurableCounts() DurableCounts

	// Store returns what is in the store. It reports false if this process is not the one
	// to show it, or has not read it. It returns when ctx ends.
	Store(ctx context.Context) (Store, bool)
}

// DurableCounts are what the books of package runner have no place for.
type DurableCounts struct {
	Tasks       []DurableTaskCounts // in the order of their names
	LeasesLost  uint64
	StoreErrors uint64 // attempts to read the store that failed
}

// DurableTaskCounts are those of one name.
type DurableTaskCounts struct {
	Name        string
	Attempts    uint64 // that were started
	Returned    uint64 // taken from processes that had died
	Interrupted uint64 // ended by a shutdown or a lost lease, and not counted as attempts of the task
}

// Store is what all processes have in their store, as one of them has read it.
type Store struct {
	Age    time.Duration // since it was read
	Led    bool          // there is a leader
	Queues []StoreQueue
}

// StoreQueue is one queue of a store.
type StoreQueue struct {
	Name      string
	Paused    bool
	Tasks     map[string]int // by state, as names.StateDue and those beside it
	OldestDue time.Duration  // for how long the task that waits longest has been due; 0: none waits
	Processes int            // that work the queue and live; negative: nobody knows
}

// ObserveDurable exposes the books of a queue of durable tasks, as Observer does
// with those of a runner. Package durable calls it: set its Config.Telemetry.
func (t *Telemetry) ObserveDurable(q DurableBooks) error {
	if err := t.durables.register(); err != nil {
		return fmt.Errorf("telemetry: registering the metrics of durable tasks: %w", err)
	}
	return t.open(q)
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

func isDurable(b Books) bool {
	_, ok := b.(DurableBooks)
	return ok
}

// durableRead is the books of all queues of a name at one moment.
type durableRead struct {
	read
	counts DurableCounts
	books  DurableBooks // the newest, which may show the store
}

// readDurable returns the books of all queues of durable tasks.
func (rs *runners) readDurable() (all []durableRead) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, o := range rs.byName {
		books, ok := o.Books.(DurableBooks)
		if !ok {
			continue
		}
		r := durableRead{read: read{o.read(), o.opened}, books: books, counts: o.countsBefore}
		for _, older := range o.older {
			r.counts = r.counts.add(older.Books)
		}
		r.counts = r.counts.add(books)
		all = append(all, r)
	}
	return all
}

// add returns the counts with those of a newer queue of the name.
func (c DurableCounts) add(newer Books) DurableCounts {
	books, ok := newer.(DurableBooks)
	if !ok {
		return c
	}
	total := books.DurableCounts()
	total.LeasesLost += c.LeasesLost
	total.StoreErrors += c.StoreErrors
	total.Tasks = slices.Clone(total.Tasks)
	for _, t := range c.Tasks {
		i, found := slices.BinarySearchFunc(total.Tasks, t.Name, func(t DurableTaskCounts, name string) int { return strings.Compare(t.Name, name) })
		if !found {
			total.Tasks = slices.Insert(total.Tasks, i, DurableTaskCounts{Name: t.Name})
		}
		total.Tasks[i].Attempts += t.Attempts
		total.Tasks[i].Returned += t.Returned
		total.Tasks[i].Interrupted += t.Interrupted
	}
	return total
}
