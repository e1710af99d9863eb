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

// labels sets the pprof labels of one goroutine, and is used by it alone.
type labels struct {
	runner, worker string
	sets           map[string]context.Context // by callback name

	last    string          // name
	lastSet context.Context // of it; nil: none yet
}

// worker is the label of the goroutine that runs t; empty: it is not ours.
func (t *task) worker() string {
	if t.labels == nil {
		return ""
	}
	return t.labels.worker
}

func (r *Runner) newLabels() *labels {
	return &labels{
		runner: r.cfg.Name,
		worker: fmt.Sprintf("%p/%d", r, r.goroutines.Add(1)),
		sets:   make(map[string]context.Context),
	}
}

// mark labels the goroutine for t, and returns a context with these labels, so
// that pprof.Do in the callback adds to them.
func (l *labels) mark(t *task) context.Context {
	ctx := l.set(t)
	pprof.SetGoroutineLabels(ctx)
	return ctx
}

func (l *labels) unmark() { pprof.SetGoroutineLabels(context.Background()) }

func (l *labels) set(t *task) context.Context {
	if of := labelsOf(t.asker); of != nil { // the asker's stay, too
		return pprof.WithLabels(pprof.WithLabels(context.Background(), pprof.Labels(of...)), l.of(t.name))
	}
	if l.lastSet == nil || l.last != t.name {
		l.last, l.lastSet = t.name, l.setOf(t.name)
	}
	return l.lastSet
}

func (l *labels) setOf(name string) context.Context {
	ctx := l.sets[name]
	if ctx == nil {
		ctx = pprof.WithLabels(context.Background(), l.of(name))
		if len(l.sets) < maxLabelSets {
			l.sets[name] = ctx
		}
	}
	return ctx
}

func (l *labels) of(name string) pprof.LabelSet {
	return pprof.Labels(labelRunner, l.runner, labelCallback, name, labelWorker, l.worker)
}

// labelsOf returns the labels of ctx, each key and then its value; none if ctx,
// which is the user's, panics.
func labelsOf(ctx context.Context) (of []string) {
	defer func() { _ = recover() }()
	pprof.ForLabels(ctx, func(key, value string) bool { of = append(of, key, value); return true })
	return of
}
