package runner

import "fmt"

// phase is where a task is on its way. The diagram in DESIGN.md shows the same
// moves as the table below; a test compares the two.
type phase uint8

const (
	phaseNew      phase = iota // asked for, in no list
	phaseReserved              // accepted, not due: its scope is open, or user code must answer first
	phaseHeld                  // due, waiting for its name's share (Config.Limits)
	phaseQueued                // due, waiting for a worker
	phaseRunning               // an attempt is under way
	phasePaused                // between two attempts
	phaseEnded                 // it has its outcome

	numPhases
)

var phaseNames = [numPhases]string{"new", "reserved", "held", "queued", "running", "paused", "ended"}

func (p phase) String() string { return phaseNames[p] }

// moves lists the phases that a task may go to from each phase.
var moves = [numPhases]phaseSet{
	phaseNew:      of(phaseReserved, phaseHeld, phaseQueued, phaseRunning, phaseEnded),
	phaseReserved: of(phaseHeld, phaseQueued, phaseRunning, phaseEnded),
	phaseHeld:     of(phaseQueued, phaseRunning, phaseEnded),
	phaseQueued:   of(phaseRunning, phaseEnded),
	phaseRunning:  of(phasePaused, phaseEnded),
	phasePaused:   of(phaseHeld, phaseQueued, phaseRunning, phaseEnded),
}

type phaseSet uint8

func of(phases ...phase) (s phaseSet) {
	for _, p := range phases {
		s |= 1 << p
	}
	return s
}

func (s phaseSet) has(p phase) bool { return s&(1<<p) != 0 }

// moveLocked takes t to another phase. No other function writes t.phase. It
// takes t out of the list of the old phase, counts the move, puts t into the list
// of the new phase, and then gives back t's place and its share of its name's limit
// if t needs them no more, which may move other tasks.
func (r *Runner) moveLocked(t *task, to phase, now moment) {
	from := t.phase
	if !moves[from].has(to) {
		r.mu.Unlock() // a bug must not stop the other callbacks; no caller unlocks in a deferred call
		panic(fmt.Sprintf("runner: bug: callback %q moves from %v to %v: please report it", t.name, from, to))
	}
	if t.list != nil {
		t.list.remove(t)
	}
	r.leaveLocked(t, to, now)
	if from == phaseQueued && to == phaseRunning || to == phaseQueued && r.queue.len == 0 {
		r.queueMoved = now
	}
	t.phase = to
	r.total.move(from, to)
	t.book.move(from, to)
	r.enterLocked(t, now)
	r.movePlaceLocked(t, now)
	if to == phasePaused || to == phaseEnded {
		r.freeShareLocked(t, now)
	}
}

// leaveLocked ends what belongs to the phase that t leaves.
func (r *Runner) leaveLocked(t *task, to phase, now moment) {
	switch t.phase {
	case phaseHeld, phaseQueued:
		if to != phaseQueued {
			r.stopMergingLocked(t)
		}
	case phaseRunning:
		r.countRunLocked(t, to, now)
		r.leaveWorkerLocked(t, now)
	case phasePaused:
		t.extra.timer.stop()
	}
}

// enterLocked begins what belongs to the phase that t has come to.
func (r *Runner) enterLocked(t *task, now moment) {
	switch t.phase {
	case phaseReserved:
		r.reserved.push(t)
	case phaseHeld:
		t.book.held.push(t)
		r.startMergingLocked(t)
	case phaseQueued:
		r.queue.push(t)
		r.startMergingLocked(t)
	case phaseRunning:
		r.beginAttemptLocked(t, now)
	case phasePaused:
		r.paused.push(t)
	case phaseEnded:
		t.finished = now
		r.total.outcomes[t.outcome]++
		t.book.end(t.outcome, now)
	}
}

// endLocked ends t. If it returns true, the caller must have the observers told:
// by a worker itself, or by tellLater.
func (r *Runner) endLocked(t *task, o Outcome, err error, now moment) (tell bool) {
	t.outcome, t.err = o, err
	if t.phase != phaseRunning {
		t.fn = nil // what it refers to need not stay
	}
	if o != OutcomeAbandoned && t.extra != nil {
		t.extra.stack = "" // it heeded its context
	}
	r.moveLocked(t, phaseEnded, now)
	if o == OutcomeRejected {
		return r.hooks.rejected && t.turn.post(turnRejected)
	}
	if r.drain != nil && o.Lost() {
		r.drain.lost = append(r.drain.lost, t)
	}
	sampled := r.hooks.sampled && t.book.sampleLocked(now)
	switch {
	case sampled:
		return t.turn.post(turnFinished | turnSampled | turnReport)
	case t.turn.isFree() && !r.hooks.wantsEnd(o):
		r.reportedLocked(t)
		return false
	default:
		return t.turn.post(turnFinished | turnReport)
	}
}

// reportedLocked counts that nothing is left to be done for t.
func (r *Runner) reportedLocked(t *task) {
	r.unreported--
	t.scope.leftLocked()
	r.progressLocked()
}
