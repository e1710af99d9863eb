package runnertest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Recorder writes down what a runner's observers see. The zero value is ready
// for use, with any runner: put its [Recorder.Observer] last into
// Config.Observers, once. [New] has done so for its own. All methods are safe
// for concurrent use. It keeps everything until it is garbage, so it is for
// tests only. It must not be copied.
//
// It knows a callback by a value in its context. Another observer that returns
// a context without the values of the one it was given hides from it what comes
// after.
type Recorder struct {
	mu        sync.Mutex
	all       []*entry      // guarded by mu; in the order asked
	open      int           // guarded by mu: accepted and not finished
	unbounded int           // guarded by mu: of those, the ones without a timeout
	until     time.Time     // guarded by mu: by then every open one should have ended
	changed   chan struct{} // guarded by mu; closed at the next event; nil: nobody waits

	drains []runner.Report // guarded by mu
}

// entry is one callback in the making.
type entry struct {
	Callback
	batch *batch // nil: asked for neither in Run nor in Serve
}

// batch counts what one call of Run or Serve has asked for.
type batch struct{ open int } // guarded by the recorder's mu

// A context carries one of each, for each recorder.
type (
	entryKey struct{ *Recorder }
	batchKey struct{ *Recorder }
)

func (rec *Recorder) with(ctx context.Context, b *batch) context.Context {
	return context.WithValue(ctx, batchKey{rec}, b)
}

// Observer returns what to put into Config.Observers.
func (rec *Recorder) Observer() runner.Observer {
	return runner.Observer{
		Accepted: func(ctx context.Context, info runner.AcceptedInfo) context.Context {
			e := &entry{Callback: Callback{Name: info.Name, Accepted: &info}}
			e.batch, _ = ctx.Value(batchKey{rec}).(*batch)
			rec.note(e, rec.enter)
			return context.WithValue(ctx, entryKey{rec}, e)
		},
		Rejected: func(_ context.Context, info runner.RejectedInfo) {
			e := &entry{Callback: Callback{Name: info.Name, Rejected: &info}}
			rec.note(e, func(e *entry) { rec.all = append(rec.all, e) })
		},
		Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
			rec.note(rec.entryOf(ctx), func(e *entry) { e.Started = append(e.Started, info) })
			return nil
		},
		Retried: func(ctx context.Context, info runner.RetriedInfo) {
			rec.note(rec.entryOf(ctx), func(e *entry) { e.Retried = append(e.Retried, info) })
		},
		Stuck: func(ctx context.Context, info runner.StuckInfo) {
			rec.note(rec.entryOf(ctx), func(e *entry) { e.Stuck = append(e.Stuck, info) })
		},
		Finished: func(ctx context.Context, info runner.FinishedInfo) {
			rec.note(rec.entryOf(ctx), func(e *entry) {
				if e.Finished != nil { // the runner counts it in Stats.ObserverPanics
					panic("runnertest: callback " + e.Name + " has finished twice: is the Recorder an observer twice?")
				}
				e.Finished = &info
				if !info.Outcome.IsFailure() {
					rec.leave(e)
				}
			})
		},
		// The observers before this one may have Failed too: the end is counted when
		// they have seen it.
		Failed: func(ctx context.Context, _ runner.FinishedInfo) {
			rec.note(rec.entryOf(ctx), rec.leave)
		},
		DrainFinished: func(_ context.Context, report runner.Report) {
			rec.mu.Lock()
			defer rec.mu.Unlock()
			rec.drains = append(rec.drains, report)
		},
	}
}

// entryOf finds the callback that ctx belongs to; nil if an observer has lost
// the context's values.
func (rec *Recorder) entryOf(ctx context.Context) *entry {
	e, _ := ctx.Value(entryKey{rec}).(*entry)
	return e
}

// note changes what is known of e, and wakes those who wait.
func (rec *Recorder) note(e *entry, change func(*entry)) {
	if e == nil {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	change(e)
	if e.Accepted != nil && e.Finished == nil {
		if by, ok := e.endsBy(time.Now()); ok && by.After(rec.until) {
			rec.until = by
		}
	}
	if rec.changed != nil {
		close(rec.changed)
		rec.changed = nil
	}
}

// enter counts a callback as open. mu is held.
func (rec *Recorder) enter(e *entry) {
	rec.all = append(rec.all, e)
	rec.count(e, 1)
}

// leave counts a callback as ended. mu is held.
func (rec *Recorder) leave(e *entry) { rec.count(e, -1) }

func (rec *Recorder) count(e *entry, n int) {
	rec.open += n
	if e.Accepted.Timeout == 0 {
		rec.unbounded += n
	}
	if e.batch != nil {
		e.batch.open += n
	}
}

// progress reports whether all of b has ended, of all batches if b is nil. If not,
// changed is closed when there is news, and until is when there should be at
// the latest; zero: a callback without a timeout may take any time.
func (rec *Recorder) progress(b *batch) (done bool, changed <-chan struct{}, until time.Time) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if b == nil && rec.open == 0 || b != nil && b.open == 0 {
		return true, nil, time.Time{}
	}
	if rec.changed == nil {
		rec.changed = make(chan struct{})
	}
	if rec.unbounded == 0 {
		until = rec.until
	}
	return false, rec.changed, until
}

// Wait returns when every callback that was accepted has ended, or with ctx's
// cause when ctx ends before. What has not been asked for yet is not waited for.
// A test with [New] has [Runner.WaitIdle] for it, which cannot hang.
func (rec *Recorder) Wait(ctx context.Context) error {
	for {
		done, changed, _ := rec.progress(nil)
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// All returns what was seen of every callback so far, rejected ones included,
// in the order they were asked for. Later events do not change it.
func (rec *Recorder) All() []Callback {
	return rec.matching(func(*entry) bool { return true })
}

// Named is All for the callbacks of one name. It is nil if there are none.
func (rec *Recorder) Named(name string) []Callback {
	return rec.matching(func(e *entry) bool { return e.Name == name })
}

// Outcomes returns how the callbacks of one name have ended, rejected ones
// included, in the order they were asked for. Those that have not ended are
// left out.
func (rec *Recorder) Outcomes(name string) []runner.Outcome {
	var outcomes []runner.Outcome
	for _, c := range rec.Named(name) {
		if o, ok := c.Outcome(); ok {
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// Drains returns what each Shutdown that has ended has reported: one
// [runner.Report] for each runner that was shut down, however often Shutdown was
// called. It is for programs that shut their runner down themselves, for example at
// a signal, and keep the Report to themselves.
func (rec *Recorder) Drains() []runner.Report {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Clone(rec.drains)
}

// matching returns copies that no later event changes.
func (rec *Recorder) matching(match func(*entry) bool) []Callback {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	var found []Callback
	for _, e := range rec.all {
		if match(e) {
			c := e.Callback
			c.Started = slices.Clone(c.Started)
			c.Retried = slices.Clone(c.Retried)
			c.Stuck = slices.Clone(c.Stuck)
			found = append(found, c)
		}
	}
	return found
}

// unfinished lists the open callbacks of b, of all batches if b is nil, with
// their stacks where they are known.
func (rec *Recorder) unfinished(b *batch) string {
	var lines []string
	for _, c := range rec.matching(func(e *entry) bool {
		return e.Accepted != nil && e.Finished == nil && (b == nil || e.batch == b)
	}) {
		lines = append(lines, "\t"+c.String()+indented(c.lastStack()))
	}
	return strings.Join(lines, "\n")
}
