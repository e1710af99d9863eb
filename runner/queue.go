package runner

import "time"

// dueLocked makes t due, since due.
func (r *Runner) dueLocked(t *task, due, now moment) {
	t.released, t.due, t.waiting = due, due, now
	if r.mergeLocked(t, now) {
		return
	}
	r.enqueueLocked(t, now)
	if t.phase == phaseQueued && r.evictsLocked() && r.places.taken[PlaceQueued] > r.cfg.Queue {
		r.evictLocked(now)
	}
}

// enqueueLocked starts a due task if a worker is free, and otherwise lets it wait
// for one, or first for its share of its name's limit.
func (r *Runner) enqueueLocked(t *task, now moment) {
	switch {
	case !r.takeShareLocked(t):
		r.moveLocked(t, phaseHeld, now)
	case r.slots < r.cfg.Workers:
		r.startWorkerLocked(t, now)
	default:
		r.moveLocked(t, phaseQueued, now)
	}
}

// mergeLocked lets t take the turn of a task that waits under the same key. It
// returns false if t must find a turn of its own.
func (r *Runner) mergeLocked(t *task, now moment) bool {
	if !t.merges() {
		return false
	}
	old := r.merging[*t.policy.coalesce]
	if old == nil {
		return false
	}
	t.waiting = old.waiting
	t.limited, old.limited = old.limited, false
	r.moveLocked(t, old.phase, now)
	t.list.overtake(t, old)
	r.endAndTellLocked(old, OutcomeCoalesced, nil, now)
	return true
}

// merges reports whether t may be merged. A later attempt of Retry is not.
func (t *task) merges() bool {
	return t.policy != nil && t.policy.coalesce != nil && t.attempt == 0
}

func (r *Runner) startMergingLocked(t *task) {
	if t.merges() {
		r.merging[*t.policy.coalesce] = t
	}
}

func (r *Runner) stopMergingLocked(t *task) {
	if t.merges() && r.merging[*t.policy.coalesce] == t {
		delete(r.merging, *t.policy.coalesce)
	}
}

// takeShareLocked takes what t needs of its name's limit. It returns false if
// there is nothing left.
func (r *Runner) takeShareLocked(t *task) bool {
	b := t.book
	if b.limit == 0 || t.limited {
		return true
	}
	if b.taken == b.limit {
		return false
	}
	b.taken++
	t.limited = true
	return true
}

// freeShareLocked gives it to the task of that name that has waited longest.
func (r *Runner) freeShareLocked(t *task, now moment) {
	if !t.limited {
		return
	}
	t.limited = false
	t.book.taken--
	if next := t.book.held.first; next != nil {
		r.enqueueLocked(next, now)
	}
}

// evictsLocked reports whether callbacks make room for newer ones. A drain finishes
// those that it has.
func (r *Runner) evictsLocked() bool { return r.cfg.Overflow == DropOldest && r.drain == nil }

// evictLocked drops the callback that has waited for a worker longest. A later attempt
// of Retry stays.
func (r *Runner) evictLocked(now moment) {
	for t := r.queue.first; t != nil; t = t.next {
		if t.place == PlaceQueued {
			r.giveUpLocked(t, ErrEvicted, now)
			return
		}
	}
}

// stalledLocked returns for how long tasks have waited for a worker without one being
// taken: since the last one was, or since the first one came.
func (r *Runner) stalledLocked(now moment) time.Duration {
	if r.queue.len == 0 {
		return 0
	}
	return now.since(r.queueMoved)
}

// waitingLocked returns the number of due tasks that wait.
func (r *Runner) waitingLocked() int { return r.total.in[phaseQueued] + r.total.in[phaseHeld] }

// longestDueLocked returns the waiting task that has been due longest; nil if
// none waits.
func (r *Runner) longestDueLocked() *task {
	oldest := r.queue.first
	if len(r.cfg.Limits) == 0 {
		return oldest
	}
	for t := oldest; t != nil; t = t.next { // one that was held may have joined the end
		if t.waiting < oldest.waiting {
			oldest = t
		}
	}
	for name := range r.cfg.Limits {
		if t := r.byName[name].held.first; t != nil && (oldest == nil || t.waiting < oldest.waiting) {
			oldest = t
		}
	}
	return oldest
}

// highWaterWindow is the least time that a peak stays visible. It is longer
// than the scrape intervals in use, and needs no scrape to reset it, so that
// any number of readers see the same.
const highWaterWindow = time.Minute

// highWater remembers the highest depth of the current and the last window.
type highWater struct {
	current, last int
	since         moment
}

func (h *highWater) read(depth int, now moment) int {
	h.note(depth, now)
	return max(h.current, h.last)
}

func (h *highWater) note(depth int, now moment) {
	switch age := now.since(h.since); {
	case age >= 2*highWaterWindow:
		h.current, h.last, h.since = depth, depth, now
	case age >= highWaterWindow:
		h.current, h.last, h.since = depth, h.current, now
	default:
		h.current = max(h.current, depth)
	}
}
