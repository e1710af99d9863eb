package runner

import (
	"math"
	"time"
)

// watch ends the contexts of running callbacks at their deadlines, and finds the
// callbacks that ignore it. One timer serves all: it is set to the first deadline,
// and mostly finds that this callback has ended long since.
type watch struct {
	byTimeout map[time.Duration]*deadlines
	untimed   taskList // running without a timeout
	stuck     taskList // running past deadline and Config.StuckAfter

	alarm   *time.Timer
	alarmAt moment // 0: it is not set

	found     []*task // stuck, to be looked at; see extra.unseen
	isLooking bool
	nextLook  moment // the first moment for another look
}

// lookInterval is the least time between two looks, unless a drain has begun. A look
// stops the program for a moment, and for longer the more goroutines there are. So
// however many callbacks hang, the others lose little time by the looks.
const lookInterval = time.Second

// deadlines are the running tasks of one timeout. As they have started in that
// order, each list is in the order of the deadlines.
type deadlines struct {
	onTime taskList
	late   taskList // past the deadline
}

// maxTimeouts is how many timeouts without a running task are remembered.
const maxTimeouts = 64

// watchLocked begins to watch t, which starts now.
func (r *Runner) watchLocked(t *task, now moment) {
	if t.timeout == 0 {
		r.untimed.push(t)
		return
	}
	d := r.byTimeout[t.timeout]
	if d == nil {
		d = r.newDeadlinesLocked(t.timeout)
	}
	t.ctx.deadline = now.add(t.timeout)
	d.onTime.push(t)
	r.setAlarmLocked(t.ctx.deadline, now)
}

// newDeadlinesLocked makes the lists of a timeout. Timeouts are mostly constants;
// if they are not, those without a task are forgotten.
func (r *Runner) newDeadlinesLocked(timeout time.Duration) *deadlines {
	if len(r.byTimeout) >= maxTimeouts {
		for other, d := range r.byTimeout {
			if d.onTime.len+d.late.len == 0 {
				delete(r.byTimeout, other)
			}
		}
	}
	d := new(deadlines)
	r.byTimeout[timeout] = d
	return d
}

// setAlarmLocked has the alarm ring at a moment, unless it rings before.
func (r *Runner) setAlarmLocked(at, now moment) {
	if r.alarmAt != 0 && r.alarmAt <= at {
		return
	}
	r.alarmAt = at
	if r.alarm == nil {
		r.alarm = time.AfterFunc(time.Duration(at-now), r.ring)
	} else {
		r.alarm.Reset(time.Duration(at - now))
	}
}

// stuckAt returns when a running task counts as stuck.
func (t *task) stuckAt() moment { return t.ctx.deadline.add(t.runner.cfg.StuckAfter) }

// ring looks for deadlines that have passed.
func (r *Runner) ring() {
	now := r.lock()
	r.alarmAt = 0
	next := moment(math.MaxInt64)
	for _, d := range r.byTimeout {
		for t := d.onTime.first; t != nil && t.ctx.deadline <= now; t = d.onTime.first {
			t.ctx.end(timedOut)
			d.onTime.remove(t)
			d.late.push(t)
			r.endOnTimeLocked(t)
		}
		for t := d.late.first; t != nil && t.stuckAt() <= now; t = d.late.first {
			d.late.remove(t)
			r.stuck.push(t)
			r.markStuckLocked(t, now)
		}
		if t := d.onTime.first; t != nil {
			next = min(next, t.ctx.deadline)
		}
		if t := d.late.first; t != nil {
			next = min(next, t.stuckAt())
		}
	}
	looks := len(r.found) > 0 && !r.isLooking && r.nextLookLocked(now) <= now
	r.isLooking = r.isLooking || looks
	r.lookAgainLocked(now)
	if next < math.MaxInt64 {
		r.setAlarmLocked(next, now)
	}
	r.unlock()
	if looks {
		r.lookAtStuck()
	}
}

// markStuckLocked counts t as stuck, gives its slot to another worker if the runner
// may do that, and has its place looked for if an observer is to be told.
func (r *Runner) markStuckLocked(t *task, now moment) {
	t.stuck = true
	r.total.stuck++
	t.book.stuck++
	if t.onClock && r.replaced < r.cfg.MaxStuck {
		r.replaceLocked(t, now)
	}
	if !r.hooks.stuck {
		return
	}
	t.extrasLocked().stuck = &StuckInfo{StartedInfo: t.startedInfo(r.readClocks()), Ran: t.ran(now)}
	if t.turn.post(turnStuck) {
		t.extra.unseen = true
		r.found = append(r.found, t)
	}
}

// lookAtStuck finds out where stuck tasks hang, and has their observers told. One
// goroutine at a time does it, and one look serves all that were found before it.
func (r *Runner) lookAtStuck() {
	r.mu.Lock()
	found := r.found
	r.found = nil
	workers := make(map[string]*task, len(found))
	for _, t := range found {
		if t.isUnseen() {
			workers[t.worker.label] = t
		}
	}
	r.unlock()
	stacks := stacksOf(workers)
	now := r.lock()
	for label, t := range workers {
		// A task that has ended meanwhile has left its worker to another one.
		if t.isUnseen() && t.worker.label == label {
			t.extra.stuck.Stack = stacks[label]
			r.tellStuckLocked(t)
		}
	}
	r.isLooking = false
	if len(workers) > 0 {
		r.nextLook = now.add(lookInterval)
	}
	r.lookAgainLocked(now)
	r.unlockLater()
}

// lookAgainLocked sets the alarm for the tasks that wait for a look.
func (r *Runner) lookAgainLocked(now moment) {
	if len(r.found) > 0 && !r.isLooking {
		r.setAlarmLocked(r.nextLookLocked(now), now)
	}
}

// nextLookLocked returns when the runner may look again: during a drain at once.
func (r *Runner) nextLookLocked(now moment) moment {
	if r.drain != nil {
		return now
	}
	return max(now, r.nextLook)
}

// isUnseen reports whether a stuck task waits for a look, with its observers' turn
// taken.
func (t *task) isUnseen() bool { return t.extra != nil && t.extra.unseen }

// tellStuckLocked has the observers told that an unseen task is stuck.
func (r *Runner) tellStuckLocked(t *task) {
	t.extra.unseen = false
	r.tellLaterLocked(t)
}

// replaceLocked gives the slot of t's worker to another worker, and t's share of
// its name's limit to another callback.
func (r *Runner) replaceLocked(t *task, now moment) {
	r.stopClockLocked(t, now)
	t.worker.holdsSlot = false
	r.slots--
	r.replaced++
	r.freeShareLocked(t, now)
	if next := r.queue.first; next != nil && r.slots < r.cfg.Workers {
		r.startWorkerLocked(next, now)
	}
}

// isReplaced reports whether another worker has the slot of a running task's.
func (t *task) isReplaced() bool { return !t.onClock && !t.worker.inCaller }

// replaceNextLocked replaces the worker of a stuck task that could not be
// replaced before.
func (r *Runner) replaceNextLocked(now moment) {
	for t := r.stuck.first; t != nil; t = t.next {
		if t.onClock {
			r.replaceLocked(t, now)
			return
		}
	}
}

// eachRunningLocked visits the running tasks. visit may end the task.
func (r *Runner) eachRunningLocked(visit func(*task)) {
	lists := []*taskList{&r.untimed, &r.stuck}
	for _, d := range r.byTimeout {
		lists = append(lists, &d.onTime, &d.late)
	}
	for _, l := range lists {
		for t := l.first; t != nil; {
			next := t.next
			visit(t)
			t = next
		}
	}
}

// oldestStartLocked returns when the longest-running attempt started; 0 if none
// runs. One whose worker is replaced would hide all others for as long as it leaks.
func (r *Runner) oldestStartLocked() (oldest moment) {
	note := func(t *task) {
		if t != nil && (oldest == 0 || t.started < oldest) {
			oldest = t.started
		}
	}
	note(r.untimed.first)
	for t := r.stuck.first; t != nil; t = t.next {
		if !t.isReplaced() {
			note(t)
		}
	}
	for _, d := range r.byTimeout {
		note(d.onTime.first)
		note(d.late.first)
	}
	return oldest
}
