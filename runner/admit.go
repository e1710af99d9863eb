package runner

import (
	"context"
	"slices"
)

// admit takes tasks into the books: all of them, or none and an error. It decides
// at once, except under Block.
func (r *Runner) admit(ctx context.Context, from origin, tasks []*task) error {
	wait := r.cfg.Overflow.wait(ctx)
	now := r.lock()
	for _, t := range tasks {
		t.asked = now
		t.book = r.openBookLocked(t.name)
	}
	err := r.admitLocked(from, tasks, wait)
	if r.cfg.Overflow > 0 {
		now = r.timeLocked(r.now()) // the call may have waited
	}
	for _, t := range tasks {
		r.bookInLocked(t, err, now)
	}
	r.grantLocked() // places that were granted, and are not needed
	r.unlock()
	return err
}

// admitLocked grants the tasks what they need, or returns why they are rejected.
func (r *Runner) admitLocked(from origin, tasks []*task, wait placeWait) error {
	if r.drain != nil && !r.continuesLocked(from) {
		return ErrClosed
	}
	if !r.markRepeatedLocked(tasks) {
		return nil
	}
	err := r.stuckLocked()
	if err == nil {
		err = r.takePlacesLocked(tasks, wait)
	}
	if err != nil && !r.markRepeatedLocked(tasks) { // the same was asked for while these waited
		return nil
	}
	return err
}

// markRepeatedLocked notes which of the tasks repeat an earlier one under Once. Those
// need no place. It reports whether any other task is left.
func (r *Runner) markRepeatedLocked(tasks []*task) (needed bool) {
	for i, t := range tasks {
		t.repeats = r.repeatsLocked(t) || t.repeatsOneOf(tasks[:i])
		needed = needed || !t.repeats
	}
	return needed
}

// neverFitLocked reports whether an empty queue has no room for the tasks beside what
// their scope has reserved: they become due together.
func (r *Runner) neverFitLocked(tasks []*task) bool {
	return tasks[0].scope.reserved+countNew(tasks) > r.cfg.Queue
}

// countNew returns how many of the tasks need places.
func countNew(tasks []*task) (n int) {
	for _, t := range tasks {
		if !t.repeats {
			n++
		}
	}
	return n
}

// takePlacesLocked grants the tasks their places, at once or after a wait. Block waits
// for workers only: other places may not become free for long.
func (r *Runner) takePlacesLocked(tasks []*task, wait placeWait) error {
	if r.neverFitLocked(tasks) {
		return ErrQueueFull
	}
	err := r.takeAtOnceLocked(tasks)
	if r.cfg.Overflow > 0 && err == ErrQueueFull { //nolint:errorlint // the very same: the others match it
		return r.waitLocked(tasks, wait)
	}
	return err
}

// takeAtOnceLocked grants the tasks their places, if nobody waits for them. One task
// alone takes its places right after, so they need not be kept for it.
func (r *Runner) takeAtOnceLocked(tasks []*task) error {
	switch {
	case r.waiters.first != nil: // they came before
	case len(tasks) == 1:
		return r.fullLocked(tasks[0])
	default:
		err := r.grantPlacesLocked(tasks)
		if err != ErrQueueFull { //nolint:errorlint // the very same: the others match it
			return err
		}
	}
	for _, t := range tasks { // another kind of place may be missing as well, and for longer
		if err := r.asideFullLocked(t); err != nil && !t.repeats {
			return err
		}
	}
	return ErrQueueFull
}

// repeatsLocked reports whether t's scope has accepted a callback with the same key of
// Once before.
func (r *Runner) repeatsLocked(t *task) bool {
	return t.policy != nil && t.policy.once != nil && t.scope.once[*t.policy.once]
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

// continuesLocked reports whether the asker is a callback that the drain waits for. The
// drain then finishes the new callback as well.
func (r *Runner) continuesLocked(from origin) bool {
	by := from.callback
	return by != nil && by.runner == r && !by.returned.Load() && !r.drain.gaveUp && !r.drain.isEmpty
}

// stuckLocked returns ErrStuck if too many callbacks are stuck to take in more.
func (r *Runner) stuckLocked() error {
	if r.replaced == r.cfg.MaxStuck {
		return ErrStuck
	}
	return nil
}

// bookInLocked counts a task as asked for, and takes it in or rejects it with err.
func (r *Runner) bookInLocked(t *task, err error, now moment) {
	r.ungrantLocked([]*task{t})
	isFirstFolded := r.bookLocked(t)
	if isFirstFolded && r.hooks.folded && t.turn.post(turnFolded) {
		r.tellLaterLocked(t)
	}
	if err != nil {
		r.rejectLocked(t, err, now)
		return
	}
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
	t.depth = int32(r.places.taken[PlaceQueued])
	r.unreported++
	if r.drain != nil {
		r.drain.joined++
	}
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
