package runner

import (
	"container/list"
	"time"
)

// pool is the queue's places and the workers. What every callback changes is at
// the end, next to the beginning of ledger; see Runner.
type pool struct {
	waiters  list.List     // of *waiter; under Block, in the order they came
	inCaller int           // tasks beyond the places that RunInCaller took in, running or not
	gone     chan struct{} // closed when the last worker has ended
	stopped  bool          // nothing is left to do: workers end
	busySeen time.Duration // the most that Stats has told

	watchdog

	limits    map[string]*limit
	busyDone  time.Duration // worker time of ended tasks
	highWater highWater
	replaced  int // workers that overrunning tasks hold and that have been replaced
	waking    int // workers that were called and are not there yet
	idle      int // workers that wait for work
	workers   int // started and not ended
	places    int // taken, by waiting tasks, by those with Retry, and by granted waiters
}

// admit takes t into the books, or refuses it. It decides at once, except
// under Block.
func (r *Runner) admit(t *task, f *followUp) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	repeated := r.repeats(t)
	if !repeated { // otherwise it needs no place
		err = r.takePlace(t, f)
		if r.repeats(t) { // under Block it may have waited beside another one
			repeated, err = true, nil
		}
	}
	if err := r.book(t, err); err != nil {
		return err
	}
	switch {
	case repeated:
		r.settle(t, Coalesced, nil, r.clock.now(), f)
	case !t.scope.released:
		t.afterResponse = true
		t.scope.tasks = append(t.scope.tasks, t)
		r.reserved.push(t)
	case r.announces(t):
		r.reserved.push(t)
	default:
		r.makeDue(t, t.asked, t.waitsFrom(), f)
	}
	return nil
}

// waitsFrom is when a task whose scope is released begins to wait for a worker.
func (t *task) waitsFrom() moment {
	if t.waited {
		return t.runner().clock.now()
	}
	return t.asked
}

// announces tells whether user code has a word before t is due.
func (r *Runner) announces(t *task) bool { return r.watched.accepted || t.gated() }

// repeats tells whether t's scope was asked for the same before, which Once
// makes the last time. mu is held.
func (r *Runner) repeats(t *task) bool {
	return r.drain == nil && t.policy != nil && t.policy.once != nil && t.scope.seen(*t.policy.once)
}

// refusal is why nothing is taken in now, whatever it is; nil if it is. mu is
// held.
func (r *Runner) refusal() error {
	switch {
	case r.drain != nil:
		return ErrClosed
	case r.replaced == r.cfg.MaxOverrunning:
		return ErrOverrunning
	}
	return nil
}

// takePlace takes a place of the queue for t. mu is held; Block lets go of it
// while it waits.
func (r *Runner) takePlace(t *task, f *followUp) error {
	if err := r.refusal(); err != nil {
		return err
	}
	if r.placeFree() {
		r.places++
		t.placed = true
		return nil
	}
	return r.makeRoom(t, f)
}

// book counts t as asked for, and as accepted unless it is refused with err; the
// caller puts it where it belongs then. mu is held.
func (r *Runner) book(t *task, err error) error {
	r.asked++
	if err != nil {
		r.outcomes[Rejected]++
		return err
	}
	t.depth = int32(r.places)
	r.highWater.note(r.places, t.asked)
	r.unreported++
	t.scope.entered(t)
	if r.announces(t) {
		t.observing++ // of Accepted
	}
	return nil
}

// placeFree tells whether a newcomer may take a place. It cannot overtake one
// that waits: while any does, a place that becomes free is handed on.
func (r *Runner) placeFree() bool { return r.places < r.cfg.Queue }

// makeRoom lets the overflow policy find t a place. mu is held; Block lets go
// of it while it waits.
func (r *Runner) makeRoom(t *task, f *followUp) error {
	switch r.cfg.Overflow {
	case Block:
		return r.waitForPlace(t)
	case DropOldest:
		oldest := r.longestDue()
		if oldest == nil {
			return ErrQueueFull
		}
		r.settle(oldest, Dropped, ErrEvicted, r.clock.now(), f)
		if !r.placeFree() { // it held none: RunInCaller never, Retry always
			return ErrQueueFull
		}
		r.places++
		t.placed = true
		return nil
	case RunInCaller:
		if t.nestedInCaller {
			return ErrNested
		}
		if r.inCaller == r.cfg.Queue {
			return ErrQueueFull
		}
		r.inCaller++
		t.inCaller = true
		return nil
	default:
		return ErrQueueFull
	}
}

// waiting is the number of due tasks. mu is held.
func (r *Runner) waiting() int {
	n := r.queue.len + r.overflow.len
	for _, l := range r.limits {
		n += l.held.len
	}
	return n
}

// longestDue is the task that waits for a worker and has been due longest, nil
// if none waits. mu is held.
func (r *Runner) longestDue() *task {
	oldest := r.queue.first
	if len(r.limits) > 0 { // then one that was held may have joined the end
		for t := oldest; t != nil; t = t.next {
			if t.turn < oldest.turn {
				oldest = t
			}
		}
	}
	for _, l := range r.limits {
		if t := l.held.first; t != nil && (oldest == nil || t.turn < oldest.turn) {
			oldest = t
		}
	}
	return oldest
}

// freePlace gives back what t holds of the queue: to who has waited longest,
// or to the next to come. mu is held.
func (r *Runner) freePlace(t *task, now moment) {
	if !t.placed {
		return
	}
	t.placed = false
	r.highWater.note(r.places, now) // it may have been as high since long
	if e := r.waiters.Front(); e != nil {
		close(r.waiters.Remove(e).(*waiter).ready)
		return
	}
	r.places--
}

// makeDue puts t, which has been due since due, into the queue, and takes it from
// the reserved if it is one of them. mu is held.
func (r *Runner) makeDue(t *task, due, now moment, f *followUp) {
	if t.list != nil { // nil: it is due as it is booked
		t.list.remove(t)
	}
	t.state, t.released, t.due, t.turn = queued, max(due, t.asked), max(due, t.asked), now
	if t.inCaller && r.placeFree() {
		t.inCaller, t.placed = false, true
		r.inCaller--
		r.places++
	}
	if r.merge(t, now, f) {
		return
	}
	if t.inCaller && r.takeSlot(t) {
		r.overflow.push(t)
		f.here = append(f.here, t)
		return
	}
	r.enqueue(t)
}

// merge lets t take the turn of one that waits under the same key. It returns
// false if t must find a turn of its own. mu is held.
func (r *Runner) merge(t *task, now moment, f *followUp) bool {
	if t.policy == nil || t.policy.coalesce == nil {
		return false
	}
	old := r.merging[*t.policy.coalesce]
	r.merging[*t.policy.coalesce] = t
	if old == nil {
		return false
	}
	if old.list == &r.overflow { // its caller would not know t
		r.settle(old, Coalesced, nil, now, f)
		return false
	}
	t.turn = old.turn
	old.list.replace(old, t)
	t.limited, old.limited = old.limited, false
	r.settle(old, Coalesced, nil, now, f)
	return true
}

// stopMerging ends the time in which t can be merged. mu is held.
func (r *Runner) stopMerging(t *task) {
	if t.policy != nil && t.policy.coalesce != nil && r.merging[*t.policy.coalesce] == t {
		delete(r.merging, *t.policy.coalesce)
	}
}

// enqueue lets a due task wait for a worker, or first for its name's limit. mu
// is held.
func (r *Runner) enqueue(t *task) {
	if !r.takeSlot(t) {
		r.limits[t.ctx.name].held.push(t)
		return
	}
	r.queue.push(t)
	r.callWorker()
}

// callWorker gets a worker for what is in the queue: an idle one, or a new one
// as long as there may be more. mu is held.
func (r *Runner) callWorker() {
	switch {
	case r.waking > 0: // who comes calls the next
	case r.idle > 0:
		r.waking++
		r.wake.Signal()
	case r.workers-r.replaced < r.cfg.Workers:
		r.workers++
		go r.work()
	}
}
