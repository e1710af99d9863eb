package tests

import (
	"context"
	"reflect"
	"runtime"
	"strings"

	"github.com/afterglow-go/afterglow/runner"
)

// observers are those of the program, the model first.
func (w *world) observers() []runner.Observer {
	switch w.sight {
	case blind:
		return nil
	case seesEnds, seesFails:
		return []runner.Observer{w.rareObserver()}
	}
	first := w.observer()
	first.WantsCaller = w.wantsCaller
	all := []runner.Observer{first}
	if w.head.panics() {
		all = append(all, w.panicking())
	}
	if w.head.exits() {
		all = append(all, w.exiting())
	}
	if w.head.slow() {
		all = append(all, observerOf(w.takeTime))
	}
	all = append(all, runner.Observer{Started: w.late, TraceID: traceOf})
	for i := range all {
		w.single(&all[i])
	}
	return all
}

// observerOf does the same at every event.
func observerOf(do func(context.Context)) runner.Observer {
	return runner.Observer{
		Folded:      func(ctx context.Context, _ runner.Callback) { do(ctx) },
		Accepted:    func(ctx context.Context, _ runner.AcceptedInfo) context.Context { do(ctx); return ctx },
		Rejected:    func(ctx context.Context, _ runner.RejectedInfo) { do(ctx) },
		Started:     func(ctx context.Context, _ runner.StartedInfo) context.Context { do(ctx); return ctx },
		StartedLate: func(ctx context.Context, _ runner.StartedInfo) { do(ctx) },
		Retried:     func(ctx context.Context, _ runner.RetriedInfo) { do(ctx) },
		Stuck:       func(ctx context.Context, _ runner.StuckInfo) { do(ctx) },
		Finished:    func(ctx context.Context, _ runner.FinishedInfo) { do(ctx) },
		Failed:      func(ctx context.Context, _ runner.FinishedInfo) { do(ctx) },
	}
}

// single finds calls of the observers of one job that are under way at once. What
// comes before Accepted has no job in its context yet.
func (w *world) single(o *runner.Observer) {
	o.Started = singly(w, o.Started)
	o.StartedLate = singlyNothing(w, o.StartedLate)
	o.Retried = singlyNothing(w, o.Retried)
	o.Stuck = singlyNothing(w, o.Stuck)
	o.Finished = singlyNothing(w, o.Finished)
	o.Failed = singlyNothing(w, o.Failed)
}

func singly[Info any](w *world, f func(context.Context, Info) context.Context) func(context.Context, Info) context.Context {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, info Info) context.Context {
		defer w.begin(ctx)()
		return f(ctx, info)
	}
}

func singlyNothing[Info any](w *world, f func(context.Context, Info)) func(context.Context, Info) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, info Info) {
		defer w.begin(ctx)()
		f(ctx, info)
	}
}

// begin notes that an observer of a job is called, and end that it returns.
func (w *world) begin(ctx context.Context) (end func()) {
	j := jobFrom(ctx)
	if j.telling.Add(1) != 1 {
		w.mu.Lock()
		w.failf("one call at a time", "two calls of observers of %v", j)
		w.mu.Unlock()
	}
	return func() { j.telling.Add(-1) }
}

// wantsCaller wants to know the line that asks for every other job.
func (w *world) wantsCaller(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return asking(ctx).wantsLine()
}

func (j *job) wantsLine() bool {
	if j.batch != nil {
		j = j.batch.jobs[0]
	}
	return j.id%2 == 1
}

// checkLine holds the line that has asked for j. mu is held.
func (m *model) checkLine(j *job, pc uintptr) {
	m.require(j.wantsLine() == (pc != 0), "caller", "%v was asked for at %d", j, pc)
	if pc == 0 {
		return
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	m.require(strings.Contains(frame.Function, "(*world)."), "caller", "%v was asked for in %q", j, frame.Function)
}

// wraps reports whether the job's function is said to wrap another one.
func (j *job) wraps() bool { return j.id%3 == 1 }

// wrapped is that function, which nobody calls.
func wrapped(context.Context) error { panic("sim: what is wrapped is called") }

var (
	entryOfWrapped = reflect.ValueOf(wrapped).Pointer()
	entryOfJobs    = reflect.ValueOf(new(world).function(nil)).Pointer()
)

// named is the function that the events of j must name.
func (w *world) named(j *job) func(context.Context) error {
	if j.wraps() {
		return wrapped
	}
	return w.function(j)
}

// checkFunc holds which function j was asked for. mu is held.
func (m *model) checkFunc(j *job, info runner.Callback) {
	want := entryOfJobs
	if j.wraps() {
		want = entryOfWrapped
	}
	m.require(info.Func == want, "function", "%v runs %v", j, info.Function())
}
