package runner

import (
	"context"
	"sync"
	"time"
)

// task is one callback that was asked for, from After to its outcome. Its size
// and that of its context are what a waiting callback costs.
type task struct {
	scope   *scope
	fn      func(context.Context) error
	timeout time.Duration // 0: none
	policy  *policy       // nil: none
	asked   moment

	// askerDone is closed when the asker's context ends. Written by newTask, for
	// Block only.
	askerDone <-chan struct{}

	// ctx is the context of the attempt: fn is called with it, or will be.
	ctx *callbackContext

	// afterResponse tells whether the scope was still open when the callback
	// was asked for. Written by admit.
	afterResponse bool
	// nested tells that a callback asked for it, and nestedInCaller that this
	// one is run in its caller by the same runner. Written by newTask.
	nested, nestedInCaller bool
	// linked tells that its asker is a callback whose values it has. Written by
	// newTask.
	linked bool
	// waited tells that it waited for a place. Written by waitForPlace.
	waited bool

	// The rest is guarded by the runner's mu. What observers are told of a start
	// or an end is not written while they are told, so it is read without.
	state     state
	outcome   Outcome   // of an ended task
	owed      bool      // of an ended task: still to be reported
	placed    bool      // it holds a place of the queue
	limited   bool      // it holds a slot of its name's limit
	inCaller  bool      // RunInCaller took it in: it holds no place, but is counted
	onWorker  bool      // it takes a worker's time
	overran   bool      // past its deadline and its grace, this attempt
	replaced  bool      // its worker has been replaced
	depth     int32     // places taken when it was accepted, its own included; not written after that
	observing int32     // calls of observers under way, except of Started and Finished
	beginning beginning // whether observers of Started are being called; ended without mu
	attempt   int32     // begins with 1
	released  moment
	due       moment
	started   moment
	finished  moment
	turn      moment   // since when it waits for a worker, or the first of those that it stands for (Coalesce)
	err       error    // of an ended task, or of the last attempt
	labeler   *labeler // of the goroutine that runs it; nil: not ours
	extra     *extra   // nil: none

	list       *taskList // the one it is in
	prev, next *task
}

// extra is what few tasks have, guarded by the runner's mu.
type extra struct {
	retried *RetriedInfo  // of a paused task: still to be observed, and not written meanwhile
	timer   *time.Timer   // of a paused task
	stack   string        // where it hung
	left    chan struct{} // of a task run in its caller: closed when that goes on
}

// state is where a task is on its way.
type state uint8

const (
	reserved state = iota // its scope is open, or Accepted is being observed
	queued                // due
	running
	paused // between two attempts
	ended
)

func (r *Runner) newTask(ctx context.Context, s *scope, name string, fn func(context.Context) error, opts []Option) *task {
	t := tasks.Get().(*task)
	t.ctx = &callbackContext{runner: r, name: name, asker: ctx}
	t.scope, t.fn, t.asked = s, fn, r.clock.now()
	t.timeout = max(r.cfg.Timeout, 0)
	if by := callbackFrom(ctx); by != nil {
		t.nested = !by.tracked // which keeps no worker waiting
		t.nestedInCaller = by.runner == r && by.here
		if by == ctx {
			// The asking callback's context adds nothing but its timeout to its
			// values. Going without keeps endless chains short.
			t.ctx.asker, t.linked = by.values, true
		}
	}
	for _, o := range opts {
		o.apply(t)
	}
	if r.cfg.Overflow == Block {
		t.askerDone = ctx.Done()
	}
	return t
}

// tasks has those that are free to be used again, all zero.
var tasks = sync.Pool{New: func() any { return new(task) }}

// isRecyclable tells whether t has ended and its worker is the last to have
// anything to do with it. Otherwise its overrun may still be being told, the
// goroutine of an attempt that was run in its caller may still have to let that go
// on, or the drain keeps it as lost. mu is held.
func (t *task) isRecyclable() bool {
	return t.state == ended && !t.overran && t.extra == nil && t.runner().drain == nil
}

// recycle leaves t to another callback: its caller must not touch it any more.
func (t *task) recycle() {
	*t = task{}
	tasks.Put(t)
}

func (t *task) runner() *Runner { return t.scope.runner }

// values is the context of the attempt, or the asker's if there is none now,
// as observers see it.
func (t *task) values() context.Context {
	if t.ctx.values == nil {
		return t.ctx.asker
	}
	return t.ctx.values
}

func (t *task) fillInfo(info *Callback) { t.fillFrom(t.runner().clock.wall.Load(), info) }

func (t *task) fillFrom(wall *reading, info *Callback) {
	info.Runner, info.Name, info.Timeout, info.Asked = t.runner().cfg.Name, t.ctx.name, t.timeout, wall.at(t.asked)
}

// fillStarted takes all times from one reading, so that they agree although the
// wall clock is set.
func (t *task) fillStarted(info *StartedInfo) {
	wall := t.runner().clock.wall.Load()
	t.fillFrom(wall, &info.Callback)
	info.AfterResponse, info.Attempt = t.afterResponse, int(t.attempt)
	info.Released, info.Due, info.Started = wall.at(t.released), wall.at(t.due), wall.at(t.started)
}

// ranUntil is how long the attempt under way, if one is, has run.
func (t *task) ranUntil(now moment) time.Duration {
	if t.started == 0 {
		return 0
	}
	return max(now.sub(t.started), 0)
}

// extras returns what few tasks have. mu is held.
func (t *task) extras() *extra {
	if t.extra == nil {
		t.extra = new(extra)
	}
	return t.extra
}

// stack is where an overrunning or abandoned task hung. mu is held, or the task
// has ended.
func (t *task) stack() string {
	if t.extra == nil {
		return ""
	}
	return t.extra.stack
}

// taskList is a doubly linked list of tasks in one state, oldest first.
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

// replace puts t in the place of old, which is taken out.
func (l *taskList) replace(old, t *task) {
	t.list, t.prev, t.next = l, old.prev, old.next
	if t.prev == nil {
		l.first = t
	} else {
		t.prev.next = t
	}
	if t.next == nil {
		l.last = t
	} else {
		t.next.prev = t
	}
	old.list, old.prev, old.next = nil, nil, nil
}

// chain is a queue of tasks that are in no list.
type chain struct{ first, last *task }

func (c *chain) push(t *task) {
	if c.last == nil {
		c.first = t
	} else {
		c.last.next = t
	}
	c.last = t
}

func (c *chain) shift() *task {
	t := c.first
	c.first, t.next = t.next, nil
	if c.first == nil {
		c.last = nil
	}
	return t
}
