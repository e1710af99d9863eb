package telemetry

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// catalog finds what is kept for a runner and for a callback's name, and makes
// it at first sight.
//
// Every event looks something up, and almost none adds anything: names are
// constants of the program and their number is bounded. So the maps are never
// changed once they can be seen; adding a name copies them under mu and
// replaces the pointer. A look-up is then a load and a map access, takes no
// lock and shares no cache line that anybody writes.
type catalog struct {
	metrics  *metrics
	tracing  *tracing
	maxNames int

	mu      sync.Mutex // held while a map is replaced, here or in a runnerEntry
	runners atomic.Pointer[map[string]*runnerEntry]
}

// runnerEntry is what is kept for one runner.
type runnerEntry struct {
	name string
	runnerMetrics
	runnerLogs

	callbacks atomic.Pointer[map[string]*callbackEntry] // at most maxNames
	other     atomic.Pointer[callbackEntry]             // nil until a name is folded
}

// callbackEntry is what is kept for one name of a runner. Folded names share
// one.
type callbackEntry struct {
	*callbackMetrics
	callbackLogs
	callbackSpans // of folded names, recorded only
}

// entry is what one event works with.
type entry struct {
	runner   *runnerEntry
	callback *callbackEntry
	folded   bool // the name came after maxNames others
}

func newCatalog(m *metrics, t *tracing, maxNames int) *catalog {
	c := &catalog{metrics: m, tracing: t, maxNames: maxNames}
	c.runners.Store(&map[string]*runnerEntry{})
	return c
}

// entry returns what is kept for a callback's name.
func (c *catalog) entry(runnerName, name string) entry {
	r := c.runner(runnerName)
	known := *r.callbacks.Load()
	if cb := known[name]; cb != nil {
		return entry{runner: r, callback: cb}
	}
	// A map that is full stays so: a stranger needs no lock to be one.
	if other := r.other.Load(); other != nil && len(known) >= c.maxNames {
		return entry{runner: r, callback: other, folded: true}
	}
	return c.addCallback(r, name)
}

// runner returns what is kept for a runner.
func (c *catalog) runner(name string) *runnerEntry {
	if r := (*c.runners.Load())[name]; r != nil {
		return r
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := *c.runners.Load()
	if r := known[name]; r != nil {
		return r // Somebody else was quicker.
	}
	r := &runnerEntry{name: name, runnerMetrics: c.metrics.newRunner(name)}
	r.callbacks.Store(&map[string]*callbackEntry{})
	c.runners.Store(with(known, name, r))
	return r
}

func (c *catalog) addCallback(r *runnerEntry, name string) entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := *r.callbacks.Load()
	if cb := known[name]; cb != nil {
		return entry{runner: r, callback: cb}
	}
	if len(known) < c.maxNames {
		cb := &callbackEntry{callbackMetrics: c.metrics.newCallback(r.name, name)}
		if c.tracing.askSpans {
			cb.askStart = newAskStart(r.name, name)
		}
		r.callbacks.Store(with(known, name, cb))
		return entry{runner: r, callback: cb}
	}
	if r.other.Load() == nil {
		// A callback that really is called other shares its series with the
		// folded ones, or they would be exposed twice.
		other := known[names.Other]
		if other == nil {
			other = &callbackEntry{callbackMetrics: c.metrics.newCallback(r.name, names.Other)}
		}
		r.other.Store(other)
	}
	return entry{runner: r, callback: r.other.Load(), folded: true}
}

// each visits the callbacks of a runner in the order of their names, the shared
// one of the folded last.
func (r *runnerEntry) each(visit func(name string, cb *callbackEntry)) {
	known := *r.callbacks.Load()
	for _, name := range slices.Sorted(maps.Keys(known)) {
		visit(name, known[name])
	}
	if other := r.other.Load(); other != nil && known[names.Other] == nil {
		visit(names.Other, other)
	}
}

// with returns a copy of m that also maps k to v.
func with[K comparable, V any](m map[K]V, k K, v V) *map[K]V {
	c := make(map[K]V, len(m)+1)
	maps.Copy(c, m)
	c[k] = v
	return &c
}
