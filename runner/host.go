package runner

import (
	"context"
	"fmt"
	"runtime/pprof"
)

// The pprof labels of a goroutine while it runs a callback, so that CPU and
// goroutine profiles split by callback.
const (
	labelRunner   = "afterglow.runner"   // Name of the runner.
	labelCallback = "afterglow.callback" // Name of the callback.
	labelWorker   = "afterglow.worker"   // Differs between all goroutines of all runners.
)

// maxLabelSets bounds what a goroutine remembers of the names it has run.
const maxLabelSets = 128

// host sets the pprof labels of a goroutine that runs callbacks, and is used by it
// alone but for the label worker.
type host struct {
	runner, worker string
	sets           map[string]context.Context // by callback name

	last    string          // name
	lastSet context.Context // of it; nil: none yet
}

// worker is the label of the goroutine that runs t; empty: it is not ours.
func (t *task) worker() string {
	if t.host == nil {
		return ""
	}
	return t.host.worker
}

func (r *Runner) newHost() *host {
	return &host{
		runner: r.cfg.Name,
		worker: fmt.Sprintf("%p/%d", r, r.goroutines.Add(1)),
		sets:   make(map[string]context.Context),
	}
}

// mark labels the goroutine for t, and returns a context with these labels, so
// that pprof.Do in the callback adds to them.
func (h *host) mark(t *task) context.Context {
	ctx := h.set(t)
	pprof.SetGoroutineLabels(ctx)
	return ctx
}

func (h *host) unmark() { pprof.SetGoroutineLabels(context.Background()) }

func (h *host) set(t *task) context.Context {
	if of := labelsOf(t.given.asker); of != nil { // the asker's stay, too
		return pprof.WithLabels(pprof.WithLabels(context.Background(), pprof.Labels(of...)), h.of(t.given.name))
	}
	if h.lastSet == nil || h.last != t.given.name {
		h.last, h.lastSet = t.given.name, h.setOf(t.given.name)
	}
	return h.lastSet
}

func (h *host) setOf(name string) context.Context {
	ctx := h.sets[name]
	if ctx == nil {
		ctx = pprof.WithLabels(context.Background(), h.of(name))
		if len(h.sets) < maxLabelSets {
			h.sets[name] = ctx
		}
	}
	return ctx
}

func (h *host) of(name string) pprof.LabelSet {
	return pprof.Labels(labelRunner, h.runner, labelCallback, name, labelWorker, h.worker)
}

// labelsOf returns the labels of ctx, each key and then its value; none if ctx,
// which is the user's, panics.
func labelsOf(ctx context.Context) (of []string) {
	defer func() { _ = recover() }()
	pprof.ForLabels(ctx, func(key, value string) bool { of = append(of, key, value); return true })
	return of
}
