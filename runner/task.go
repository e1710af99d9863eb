package runner

import (
	"context"
	"sync"
	"time"
)

// task is one callback that was asked for, from After to its outcome.
type task struct {
	runner *Runner
	scope  *scope // that counts it; runner.detached for none
	name   string
	book   *book // of its name, or of the folded names. Written under mu as it is asked for
	fn     func(context.Context) error
	policy *policy // nil: none

	timeout     time.Duration   // 0: none
	askerLabels context.Context // with nothing but the asker's pprof labels; nil: none

	// askedAfter reports whether the scope was still open when the callback was
	// asked for. nested reports whether a callback asked for it. Neither is
	// written after the task is accepted.
	askedAfter, nested bool

	caller uintptr // the line that asked; 0: no observer wants to know
	entry  uintptr // of fn, or of what fn wraps; stays when fn has run

	result error // of Do; written by its goroutine

	turn turn // who calls the observers; atomic

	// The rest is guarded by the runner's mu. Observers of a start or an end read
	// it without: nothing that they see is written while their turn lasts.
	phase    phase
	outcome  Outcome // of an ended task
	reason   Reason  // of a rejected task
	place    Place   // that it takes; noPlace: none
	granted  bool    // it has been granted the places that it may need
	reserves bool    // one of the granted places is a reserved one
	repeats  bool    // Once lets it go without a place
	limited  bool    // it holds a share of its name's limit
	stuck    bool    // this attempt was found stuck
	onClock  bool    // its run takes a worker's time
	onTime   bool    // so it does, and it has a deadline that has not passed
	attempt  int32   // begins with 1
	depth    int32   // callbacks that waited for a worker when it was accepted
	asked    moment
	released moment
	due      moment
	waiting  moment // since when it waits for a worker, or the first of those that it stands for (Coalesce)
	started  moment // of the attempt; 0 between two attempts
	finished moment
	err      error   // of an ended task, or of the last attempt
	worker   *worker // that runs it; nil: none
	extra    *extra  // nil: none

	list     *taskList // that it is in
	prev     *task
	next     *task
	sibling  *task // the next one of its scope, until that is released
	nextTold *task // the next one of todo.told

	ctx *callbackContext // of the attempt; written under mu
}

// extra is what few tasks have, guarded by the runner's mu.
type extra struct {
	retried *RetriedInfo // of a paused task
	stuck   *StuckInfo   // of a stuck task, until the observers are told
	unseen  bool         // nobody has looked where it hangs; until then, its observers' turn is the watch's
	timer   pauseTimer   // of a paused task
	stack   string       // where it hung
}

// pauseTimer ends a pause. The zero value does nothing.
type pauseTimer struct{ *time.Timer }

func (t pauseTimer) stop() {
	if t.Timer != nil {
		t.Stop()
	}
}

// newTask returns a task that nobody has asked for yet. It takes what a callback
// needs of ctx now: a web framework may give ctx to another request later.
func (r *Runner) newTask(ctx context.Context, from origin, s *scope, name string, fn func(context.Context) error, opts []Option) *task {
	t := tasks.Get().(*task)
	t.runner, t.scope, t.name, t.fn, t.timeout = r, s, name, fn, max(r.cfg.Timeout, 0)
	t.place, t.entry = noPlace, entryOf(fn)
	t.ctx = &callbackContext{runner: r, name: name, scope: from.scope, asker: ctx}
	if labels := labelsOf(ctx); labels != nil {
		t.askerLabels = &askerLabels{context.Background(), labels}
		t.ctx.labels = t.askerLabels
	}
	if by := from.callback; by != nil {
		t.nested = !by.inCaller || by.nested // otherwise no worker waits for it
		if ctx == by {
			// The asking callback's context adds nothing but its timeout to its
			// values. Going without keeps endless chains short.
			t.ctx.asker, t.ctx.linked = handOn(by.inherited(), by.scope), true
		}
	}
	t.ctx.nested = t.nested
	for _, o := range opts {
		o.apply(t)
	}
	return t
}

// tasks are free to be used again, all zero. A task is large, and without them a
// third of a callback's cost is to allocate and collect it.
var tasks = sync.Pool{New: func() any { return new(task) }}

// isPlainLocked reports whether t has ended on the worker that calls this, and nothing
// else can refer to it any more. A stuck task may still be told of, a paused one
// has a timer, a lost one is in the drain's report, and the caller of Do waits for
// a result. A callback may keep its context, which does not refer to the task.
func (t *task) isPlainLocked() bool {
	return t.phase == phaseEnded && t.extra == nil && !t.stuck && !t.ctx.inCaller && t.turn.isFree() && t.runner.drain == nil
}

// recycle leaves t, if it is not nil, to another callback.
func (t *task) recycle() {
	if t == nil {
		return
	}
	*t = task{}
	tasks.Put(t)
}

// retries reports whether t may run more than once.
func (t *task) retries() bool { return t.policy != nil && t.policy.attempts > 1 }

func (t *task) isGated() bool { return t.policy != nil && t.policy.gate != nil }

// ref returns the user's own reference of the callback; empty: none.
func (t *task) ref() string {
	if t.policy == nil {
		return ""
	}
	return t.policy.ref
}

// ran returns how long the attempt under way has run; 0 if none is.
func (t *task) ran(now moment) time.Duration { return now.since(t.started) }

// extrasLocked returns what few tasks have.
func (t *task) extrasLocked() *extra {
	if t.extra == nil {
		t.extra = new(extra)
	}
	return t.extra
}

// stack returns where a stuck or abandoned task hung.
func (t *task) stack() string {
	if t.extra == nil {
		return ""
	}
	return t.extra.stack
}

// taskList is a doubly linked list of tasks, oldest first.
type taskList struct {
	first, last *task
	len         int
}

func (l *taskList) push(t *task) {
	t.list, t.prev, t.next = l, l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
	l.len++
}

func (l *taskList) remove(t *task) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.list, t.prev, t.next = nil, nil, nil
	l.len--
}

// overtake puts t, which is in the list, right before old, which is too.
func (l *taskList) overtake(t, old *task) {
	l.remove(t)
	t.list, t.prev, t.next = l, old.prev, old
	if old.prev == nil {
		l.first = t
	} else {
		old.prev.next = t
	}
	old.prev = t
	l.len++
}

// callback returns what every event says of t.
func (t *task) callback(clocks reading) Callback {
	return Callback{
		Runner:  t.runner.cfg.Name,
		Name:    t.name,
		Ref:     t.ref(),
		Folded:  t.book.name != t.name,
		Timeout: t.timeout,
		Asked:   clocks.at(t.asked),
		Func:    t.entry,
	}
}

// startedInfo returns what the events of a started task say.
func (t *task) startedInfo(clocks reading) StartedInfo {
	return StartedInfo{
		Callback:   t.callback(clocks),
		AskedAfter: t.askedAfter,
		Released:   clocks.at(t.released),
		Due:        clocks.at(t.due),
		Started:    clocks.at(t.started),
		Attempt:    int(t.attempt),
	}
}

// finishedInfo returns what the events of an ended task say.
func (t *task) finishedInfo(clocks reading) FinishedInfo {
	return FinishedInfo{StartedInfo: t.startedInfo(clocks), Outcome: t.outcome, Err: t.err, Finished: clocks.at(t.finished), Stuck: t.stuck, Stack: t.stack()}
}

// lateAfter is the wait for a worker after which a start is late.
const lateAfter = time.Second

// isLate reports whether t has waited long for its worker.
func (t *task) isLate() bool { return t.started.since(t.due) > lateAfter }
