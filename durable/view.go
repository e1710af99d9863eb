package durable

import (
	"context"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// view is what telemetry reads at each scrape.
type view struct {
	core *core

	mu     sync.Mutex
	store  *telemetry.DurableStore // guarded by mu: as it was read last; nil: not shown
	read   time.Time               // guarded by mu: when; zero: never
	errors uint64                  // guarded by mu
}

// Stats implements [telemetry.Books].
func (v *view) Stats() runner.Stats { return v.core.snapshot().Stats }

// Snapshot implements [telemetry.Books].
func (v *view) Snapshot() runner.Snapshot { return v.core.snapshot() }

// Durable implements [telemetry.DurableBooks].
func (v *view) Durable() telemetry.DurableStats {
	s := telemetry.DurableStats{LeasesLost: v.core.books.lost()}
	for _, c := range v.core.books.counts() {
		s.Callbacks = append(s.Callbacks, telemetry.DurableCallback{Name: c.Name, Returned: c.Returned, Interrupted: c.Interrupted})
	}
	s.Store, s.StoreErrors = v.shown()
	return s
}

// The database is read for a scrape at most so often, and for no longer.
const (
	storeFresh   = 5 * time.Second
	storeTimeout = 2 * time.Second
)

// shown returns what is in the database, if this process shows that.
func (v *view) shown() (*telemetry.DurableStore, uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.core.isShut() {
		return nil, v.errors
	}
	if at := now(); v.read.IsZero() || at.Sub(v.read) >= storeFresh {
		v.read = at
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		var err error
		if v.store, err = v.core.shownStore(ctx); err != nil {
			v.errors++
			v.core.warn(ctx, "the figures of the database are missing from the metrics", err)
		}
	}
	return v.store, v.errors
}

// shownStore reads the database if this process leads, or if none does.
func (c *core) shownStore(ctx context.Context) (*telemetry.DurableStore, error) {
	leader, err := c.leader(ctx)
	if err != nil {
		return nil, err
	}
	if l := c.current(); leader != "" && (l == nil || l.id != leader) {
		return nil, nil //nolint:nilnil // another process shows it
	}
	stats, err := c.stats(ctx)
	if err != nil {
		return nil, err
	}
	store := new(telemetry.DurableStore)
	for _, q := range stats.Queues {
		shown := telemetry.DurableQueue{Name: q.Name, Paused: q.Paused, Age: q.Age}
		for _, s := range counted {
			shown.Tasks = append(shown.Tasks, telemetry.DurableTasks{State: s.String(), N: q.Tasks[s]})
		}
		store.Queues = append(store.Queues, shown)
	}
	_, err = c.db.row(ctx, c.db.reads, "SELECT count(*) FROM {process}", nil, &store.Processes)
	return store, err
}
