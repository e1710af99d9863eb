package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// openPatience is how long a Shutdown without a deadline waits for responses and
// scopes that stay open when nothing else is left.
const openPatience = 10 * time.Second

// errStalled: nothing but responses and scopes that stay open was left.
var errStalled = fmt.Errorf("responses or scopes stayed open for %v with nothing else left", openPatience)

// drain is what Shutdown does, once.
type drain struct {
	empty    chan struct{} // closed when nothing is left to be done for any task
	gone     chan struct{} // closed when no worker runs after that
	finished chan struct{}
	stalled  chan struct{} // closed when only open responses and scopes are left for too long; see watchOpenLocked

	// Guarded by the runner's mu.
	isEmpty, isGone bool
	gaveUp          bool    // nothing more is started
	lost            []*task // that did not come to their own end
	traces          map[*task]string
	lostCount       int         // in the report
	joined          int         // tasks that were accepted during the drain
	endless         bool        // its context has no deadline
	openTimer       *time.Timer // see watchOpenLocked; nil: not needed yet
	took            time.Duration

	report Report // written before finished is closed
	err    error  // written before finished is closed
}

// progressLocked ends the waits of Shutdown that are over.
func (r *Runner) progressLocked() {
	d := r.drain
	if d == nil {
		return
	}
	if r.unreported == 0 && !d.isEmpty {
		d.isEmpty = true
		close(d.empty)
	}
	if d.isEmpty && r.running == 0 && !d.isGone {
		d.isGone = true
		close(d.gone)
	}
	r.watchOpenLocked(d)
}

// watchOpenLocked watches a drain without a deadline that waits for nothing but open
// responses and scopes: one of them may stay open for ever.
func (r *Runner) watchOpenLocked(d *drain) {
	if !d.endless || !r.onlyOpenLocked() {
		return
	}
	if d.openTimer != nil {
		d.openTimer.Stop()
	}
	d.openTimer = time.AfterFunc(openPatience, func() {
		r.mu.Lock()
		defer r.unlock()
		if d.endless && r.onlyOpenLocked() && !d.gaveUp {
			d.endless = false // once is enough
			close(d.stalled)
		}
	})
}

// onlyOpenLocked reports whether all that is left waits for a response or a scope.
func (r *Runner) onlyOpenLocked() bool {
	if r.unreported == 0 || r.unreported != r.total.in[phaseReserved] {
		return false
	}
	for t := r.reserved.first; t != nil; t = t.next {
		if t.scope.state.Load() == scopeReleased {
			return false // a gate or an observer has not answered yet
		}
	}
	return true
}

// gaveUpLocked reports whether nothing more is started.
func (r *Runner) gaveUpLocked() bool { return r.drain != nil && r.drain.gaveUp }

// noteStacks keeps where the running callbacks are as they are canceled, for
// the report on those that do not heed it.
func (r *Runner) noteStacks() {
	workers := make(map[string]*task)
	r.mu.Lock()
	r.eachRunningLocked(func(t *task) { workers[t.worker.label] = t })
	r.unlock()
	stacks := stacksOf(workers)
	r.mu.Lock()
	defer r.unlock()
	for label, t := range workers {
		if t.worker != nil && t.worker.label == label && stacks[label] != "" {
			t.extrasLocked().stack = stacks[label]
		}
	}
}

// lostOf lists what the drain lost, the longest asked for first.
func (r *Runner) lostOf(d *drain, took time.Duration) (lost []Lost, joined int) {
	r.mu.Lock()
	defer r.unlock()
	d.took, d.lostCount = took, len(d.lost)
	slices.SortStableFunc(d.lost, func(a, b *task) int { return cmp.Compare(a.asked, b.asked) })
	for _, t := range d.lost {
		lost = append(lost, Lost{
			Name:    t.name,
			Ref:     t.ref(),
			Outcome: t.outcome,
			Age:     t.finished.since(t.asked),
			Ran:     t.ran(t.finished),
			TraceID: d.traces[t],
			Stack:   t.stack(),
		})
	}
	d.lost, d.traces = nil, nil // the runner may live on, and with it what they refer to
	return lost, d.joined
}

// noteTrace keeps the trace of a task that the drain lost, for the report.
func (r *Runner) noteTrace(ctx context.Context, t *task) {
	id := r.TraceID(ctx)
	if id == "" {
		return
	}
	r.mu.Lock()
	if r.drain != nil && r.drain.traces != nil { // otherwise it was evicted, or the report is written
		r.drain.traces[t] = id
	}
	r.unlock()
}
