package runner

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Run is an attempt of a callback that is under way.
type Run struct {
	StartedInfo

	// ID tells the attempt from all others of its runner.
	ID string

	// Worker is the pprof label afterglow.worker of its goroutine. Goroutines that it
	// has started have inherited the label. A worker's later callbacks have it too.
	Worker string

	InCaller bool   // Do runs it, on its caller's goroutine
	Stuck    bool   // it was found stuck
	TraceID  string // as Observer.TraceID names it; empty: none, or its observers are being told of it

	Request    Request // that it runs after, as RequestFrom returns it
	HasRequest bool    // there is one
}

// Running returns the attempts that are under way, those that have run longest first. It
// returns at most limit of them. It holds the runner's lock while it copies them: less
// than a microsecond each.
func (r *Runner) Running(limit int) []Run {
	if limit <= 0 {
		return nil
	}
	var found []running
	r.mu.Lock()
	lists := []*taskList{&r.untimed, &r.stuck}
	for _, d := range r.byTimeout {
		lists = append(lists, &d.onTime, &d.late)
	}
	for _, l := range lists { // each but stuck has the oldest first, and that one nearly
		n := 0
		for t := l.first; t != nil && n < limit; t = t.next {
			found = append(found, t.runningLocked())
			n++
		}
	}
	r.unlock()

	slices.SortStableFunc(found, func(a, b running) int { return cmp.Compare(a.started, b.started) })
	found = found[:min(limit, len(found))]
	clocks := r.readClocks()
	runs := make([]Run, len(found))
	for i := range found {
		runs[i] = found[i].run(r, clocks)
	}
	return runs
}

// running is what is copied of a running task under the lock.
type running struct {
	Callback

	askedAfter, inCaller, stuck   bool
	attempt                       int
	worker                        string
	asked, released, due, started moment
	scope                         *scope
	observed                      context.Context // nil: not known yet
}

func (t *task) runningLocked() running {
	found := running{
		Callback: Callback{
			Runner: t.runner.cfg.Name, Name: t.name, Ref: t.ref(), Folded: t.book.name != t.name, Timeout: t.timeout, Func: t.entry,
		},
		askedAfter: t.askedAfter, inCaller: t.ctx.inCaller, stuck: t.stuck,
		attempt: int(t.attempt), worker: t.worker.label,
		asked: t.asked, released: t.released, due: t.due, started: t.started,
		scope: t.ctx.scope,
	}
	if t.turn.isFree() { // otherwise another goroutine may be writing the context
		found.observed = t.ctx.observed()
	}
	return found
}

// run completes what was copied, which calls code of the user.
func (f *running) run(r *Runner, clocks reading) Run {
	f.Asked = clocks.at(f.asked)
	run := Run{
		StartedInfo: StartedInfo{
			Callback: f.Callback, AskedAfter: f.askedAfter, Attempt: f.attempt,
			Released: clocks.at(f.released), Due: clocks.at(f.due), Started: clocks.at(f.started),
		},
		ID:       fmt.Sprintf("%s@%d", f.worker, f.started),
		Worker:   f.worker,
		InCaller: f.inCaller,
		Stuck:    f.stuck,
	}
	run.Request, run.HasRequest = f.scope.requestOf()
	if f.observed != nil {
		run.TraceID = r.TraceID(f.observed)
	}
	return run
}

// TraceID returns the trace of a callback's context, as the first [Observer] names it
// whose TraceID does; empty if none does.
func (r *Runner) TraceID(ctx context.Context) (id string) {
	for i := range r.cfg.Observers {
		if f := r.cfg.Observers[i].TraceID; f != nil && id == "" {
			r.hooks.call(func() { id = f(ctx) })
		}
	}
	return id
}
