package runner

import (
	"context"
	"runtime/pprof"
)

// The pprof labels of a goroutine while it runs a callback, so that CPU and
// goroutine profiles split by callback.
const (
	labelRunner   = "afterglow.runner"   // Name of the runner.
	labelCallback = "afterglow.callback" // Name of the callback.
	labelWorker   = "afterglow.worker"   // Differs between all workers of all runners.
)

// maxLabelSets bounds what a worker remembers of the names it has run.
const maxLabelSets = 128

// mark labels the goroutine for t, and returns a context with these labels, so
// that pprof.Do in the callback adds to them. The labels of the asker stay.
func (w *worker) mark(t *task) context.Context {
	ctx := w.contextOf(t)
	pprof.SetGoroutineLabels(ctx)
	return ctx
}

func (w *worker) contextOf(t *task) context.Context {
	if t.askerLabels != nil {
		return pprof.WithLabels(t.askerLabels, w.labelSet(t.name))
	}
	if w.labels == nil {
		w.labels, w.name = w.newLabels(t.name), t.name
	}
	if w.name == t.name {
		return w.labels
	}
	return w.otherLabels(t.name)
}

// otherLabels makes those of another name the first to be looked at.
func (w *worker) otherLabels(name string) context.Context {
	if w.byName == nil {
		w.byName = make(map[string]context.Context)
	}
	if len(w.byName) < maxLabelSets {
		w.byName[w.name] = w.labels
	}
	ctx := w.byName[name]
	if ctx == nil {
		ctx = w.newLabels(name)
	}
	w.labels, w.name = ctx, name
	return ctx
}

func (w *worker) newLabels(name string) context.Context {
	return pprof.WithLabels(context.Background(), w.labelSet(name))
}

func (w *worker) labelSet(name string) pprof.LabelSet {
	return pprof.Labels(labelRunner, w.runner.cfg.Name, labelCallback, name, labelWorker, w.label)
}

// askerLabels is a context with nothing but the labels of an asker.
type askerLabels struct {
	context.Context
	labels any
}

// Value implements [context.Context].
func (a *askerLabels) Value(key any) any {
	if key == labelsKey {
		return a.labels
	}
	return nil
}

// labelsOf returns the pprof labels that ctx has, as package pprof keeps them;
// nil if there are none.
func labelsOf(ctx context.Context) any {
	if s, ok := ctx.(*scope); ok { // mostly: a handler asks with its request's context
		return s.labels()
	}
	return ctx.Value(labelsKey)
}

// labelsKey is the key by which package pprof finds labels in a context.
var labelsKey = keyOf(func(ctx context.Context) { pprof.Label(ctx, labelRunner) })

// keyOf returns the key that ask looks for in a context.
func keyOf(ask func(context.Context)) any {
	probe := &probe{Context: context.Background()}
	ask(probe)
	return probe.key
}

// probe is a context that notes the last key it was asked for. It has ended, as
// package context looks for the cause of no other.
type probe struct {
	context.Context
	key any
}

// Err implements [context.Context].
func (*probe) Err() error { return context.Canceled }

// Value implements [context.Context].
func (p *probe) Value(key any) any {
	p.key = key
	return nil
}
