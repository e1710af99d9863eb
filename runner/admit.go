package runner

import (
	"context"
	"slices"
)

// admit takes tasks into the books: all of them, or none and an error. It decides
// at once, except under Block.
func (r *Runner) admit(ctx context.Context, tasks []*task) error {
	wait := r.cfg.Overflow.wait(ctx)
	now := r.lock()
	for _, t := range tasks {
		t.asked = now
	}
	err := r.takePlacesLocked(tasks, wait)
	if r.cfg.Overflow > 0 {
		now = r.timeLocked(r.now()) // some has passed
	}
	for _, t := range tasks {
		r.bookInLocked(t, err, now)
	}
	r.unlock()
	return err
}

// takePlacesLocked takes a place of the queue for each task that needs one: Once
// lets a repeated one go without.
func (r *Runner) takePlacesLocked(tasks []*task, wait placeWait) error {
	n := 0
	for i, t := range tasks {
		if t.placed = !r.repeatsLocked(t) && !t.repeatsOneOf(tasks[:i]); t.placed {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	err := r.refusalLocked()
	if err == nil {
		err = r.takeLocked(tasks, n, wait)
	}
	if err == nil {
		return nil
	}
	isNeeded := false
	for _, t := range tasks {
		t.placed = false
		isNeeded = isNeeded || !r.repeatsLocked(t)
	}
	if !isNeeded { // the same was asked for while these waited
		return nil
	}
	return err
}

// takeLocked takes n places.
func (r *Runner) takeLocked(tasks []*task, n int, wait placeWait) error {
	if r.waiters.first == nil && r.cfg.Queue-r.places >= n {
		r.places += n
		return nil
	}
	return r.makeRoomLocked(tasks, n, wait)
}

// repeatsLocked reports whether t's scope was asked for the same before, which
// Once makes the last time.
func (r *Runner) repeatsLocked(t *task) bool {
	return t.policy != nil && t.policy.once != nil && r.drain == nil && t.scope.once[*t.policy.once]
}

// repeatsOneOf reports whether Once merges t into one of those asked for together
// with it.
func (t *task) repeatsOneOf(earlier []*task) bool {
	if t.policy == nil || t.policy.once == nil {
		return false
	}
	return slices.ContainsFunc(earlier, func(e *task) bool {
		return e.policy != nil && e.policy.once != nil && *e.policy.once == *t.policy.once
	})
}

// refusalLocked returns why nothing is taken in now, whatever it is; nil if it is.
func (r *Runner) refusalLocked() error {
	switch {
	case r.drain != nil:
		return ErrClosed
	case r.replaced == r.cfg.MaxStuck:
		return ErrStuck
	}
	return nil
}

// makeRoomLocked lets the overflow policy find n places. Block unlocks mu while
// it waits.
func (r *Runner) makeRoomLocked(tasks []*task, n int, wait placeWait) error {
	switch {
	case n > r.cfg.Queue:
		return ErrQueueFull
	case r.cfg.Overflow == DropOldest:
		return r.evictLocked(n)
	case r.cfg.Overflow != Reject:
		if tasks[0].nested {
			return ErrNested
		}
		return r.waitLocked(n, wait)
	default:
		return ErrQueueFull
	}
}

// evictLocked takes n places, if need be from those that have been due longest.
// It evicts nothing if that does not suffice.
func (r *Runner) evictLocked(n int) error {
	if r.cfg.Queue-r.places+r.waitingLocked() < n {
		return ErrQueueFull
	}
	now := r.timeLocked(r.now())
	for r.cfg.Queue-r.places < n {
		r.giveUpLocked(r.longestDueLocked(), ErrEvicted, now)
	}
	r.places += n
	return nil
}

// bookInLocked counts a task as asked for, and takes it in or rejects it with err.
func (r *Runner) bookInLocked(t *task, err error, now moment) {
	isFirstFolded := r.bookLocked(t)
	if isFirstFolded && r.hooks.folded && t.turn.post(turnFolded) {
		r.tellLaterLocked(t)
	}
	if err != nil {
		r.rejectLocked(t, err, now)
		return
	}
	r.highWater.note(r.places, now)
	isRepeated := r.repeatsLocked(t)
	r.acceptLocked(t)
	switch {
	case isRepeated:
		r.endAndTellLocked(t, OutcomeCoalesced, nil, now)
	case t.scope.reserveLocked(t):
		t.askedAfter = true
		r.moveLocked(t, phaseReserved, now)
	case !t.turn.isFree(): // it goes on when the observers have seen it
		r.moveLocked(t, phaseReserved, now)
		t.turn.post(turnProceed)
	case t.isGated():
		r.moveLocked(t, phaseReserved, now)
		r.todo.gated = append(r.todo.gated, t)
	default:
		r.dueLocked(t, t.asked, now)
	}
}

// acceptLocked counts that t will have an end, and that somebody may wait for it.
func (r *Runner) acceptLocked(t *task) {
	t.depth = int32(r.places)
	r.unreported++
	t.scope.enterLocked(t)
	if r.hooks.accepted && t.turn.post(turnAccepted) {
		r.tellLaterLocked(t)
	}
}

// rejectLocked ends a task that was not taken in.
func (r *Runner) rejectLocked(t *task, err error, now moment) {
	t.reason = reasonOf(err)
	r.total.rejections[t.reason]++
	t.book.rejections[t.reason]++
	r.endAndTellLocked(t, OutcomeRejected, err, now)
}

// endAndTellLocked ends t and has its observers told.
func (r *Runner) endAndTellLocked(t *task, o Outcome, err error, now moment) {
	if r.endLocked(t, o, err, now) {
		r.tellLaterLocked(t)
	}
}

// giveUpLocked ends t without any attempt to come, because of err.
func (r *Runner) giveUpLocked(t *task, err error, now moment) {
	switch {
	case t.phase == phaseRunning:
		r.endAndTellLocked(t, OutcomeAbandoned, err, now)
	case t.attempt > 0: // an attempt has failed, and another one was to follow
		r.endAndTellLocked(t, OutcomeCanceled, &pausedError{err, t.err}, now)
	default:
		r.endAndTellLocked(t, OutcomeDropped, err, now)
	}
}
