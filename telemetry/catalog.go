package telemetry

import (
	"sync"
	"sync/atomic"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// catalog finds what is kept for a runner and for a callback's name, and makes
// it at first sight. Nothing is forgotten: the names are constants, and the runner
// bounds the number of those that are not folded.
type catalog struct{ runners sync.Map } // name -> *runnerEntry

// runnerEntry is what is kept for one runner.
type runnerEntry struct {
	name   string
	layout atomic.Pointer[histogram.Layout] // of run times; nil until the runner is opened
	runnerLogs

	callbacks sync.Map // name -> *callbackEntry
	other     callbackEntry
}

// callbackEntry is what is kept for one name of a runner. Folded names share
// one.
type callbackEntry struct {
	callbackLogs
	callbackSpans // unused for folded names
	exemplars     keeper
}

// entry is what one event works with.
type entry struct {
	runner   *runnerEntry
	callback *callbackEntry
}

// entry returns what is kept for a callback's name.
func (c *catalog) entry(cb *runner.Callback) entry {
	r := c.runner(cb.Runner)
	if cb.Folded {
		return entry{r, &r.other}
	}
	return entry{r, findOrMake(&r.callbacks, cb.Name, func() *callbackEntry { return new(callbackEntry) })}
}

// runner returns what is kept for a runner.
func (c *catalog) runner(name string) *runnerEntry {
	return findOrMake(&c.runners, name, func() *runnerEntry { return &runnerEntry{name: name} })
}

func findOrMake[E any](m *sync.Map, name string, make func() *E) *E {
	if e, ok := m.Load(name); ok {
		return e.(*E)
	}
	e, _ := m.LoadOrStore(name, make())
	return e.(*E)
}

// each visits the callbacks of a runner, in no order, the shared one of the folded
// last.
func (r *runnerEntry) each(visit func(name string, cb *callbackEntry)) {
	r.callbacks.Range(func(name, cb any) bool {
		visit(name.(string), cb.(*callbackEntry))
		return true
	})
	visit(names.Other, &r.other)
}
