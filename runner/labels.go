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

// labeler sets the pprof labels of a goroutine that runs callbacks. The goroutine
// uses it alone, but for runner and worker, which do not change.
type labeler struct {
	runner, worker string                     // values of the labels
	byName         map[string]context.Context // with the labels of a callback's name

	// The name used last, which is mostly the next one too, and its context; nil:
	// none yet.
	last        string
	lastContext context.Context
}

// worker is the label of the goroutine that runs t; empty: it is not ours.
func (t *task) worker() string {
	if t.labeler == nil {
		return ""
	}
	return t.labeler.worker
}

func (r *Runner) newLabeler() *labeler {
	return &labeler{
		runner: r.cfg.Name,
		worker: fmt.Sprintf("%p/%d", r, r.goroutines.Add(1)),
		byName: make(map[string]context.Context),
	}
}

// mark labels the goroutine for t, and returns a context with these labels, so
// that pprof.Do in the callback adds to them.
func (l *labeler) mark(t *task) context.Context {
	ctx := l.contextFor(t)
	pprof.SetGoroutineLabels(ctx)
	return ctx
}

func (l *labeler) unmark() { pprof.SetGoroutineLabels(context.Background()) }

func (l *labeler) contextFor(t *task) context.Context {
	if of := labelsOf(t.ctx.asker); of != nil { // the asker's stay, too
		return pprof.WithLabels(pprof.WithLabels(context.Background(), pprof.Labels(of...)), l.labels(t.ctx.name))
	}
	if l.lastContext == nil || l.last != t.ctx.name {
		l.last, l.lastContext = t.ctx.name, l.contextOf(t.ctx.name)
	}
	return l.lastContext
}

func (l *labeler) contextOf(name string) context.Context {
	ctx := l.byName[name]
	if ctx == nil {
		ctx = pprof.WithLabels(context.Background(), l.labels(name))
		if len(l.byName) < maxLabelSets {
			l.byName[name] = ctx
		}
	}
	return ctx
}

func (l *labeler) labels(name string) pprof.LabelSet {
	return pprof.Labels(labelRunner, l.runner, labelCallback, name, labelWorker, l.worker)
}

// labelsOf returns the labels of ctx, each key and then its value; none if ctx,
// which is the user's, panics.
func labelsOf(ctx context.Context) (of []string) {
	defer func() { _ = recover() }()
	pprof.ForLabels(ctx, func(key, value string) bool { of = append(of, key, value); return true })
	return of
}
