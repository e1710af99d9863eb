package runner

import (
	"context"
	"fmt"
)

// pool is the workers of a runner. A worker is a place to run callbacks: it keeps
// what goroutines need for that, and its goroutine lives as long as there is
// work.
type pool struct {
	slots    int // workers that run, without the replaced ones; Config.Workers at most
	running  int // workers that have a goroutine
	replaced int // workers of stuck callbacks whose slot was given to another
	made     int // workers ever made; book.free has those without a goroutine

	busy       int    // tasks that take a worker's time
	onTime     int    // of these, the ones with a deadline that has not passed
	busySince  moment // sum of the starts of these
	busyBefore moment // time that ended tasks have taken
}

// worker runs one task after the other. Its goroutine alone uses what stands
// before the empty line, and the one that takes its place after runtime.Goexit.
type worker struct {
	runner *Runner
	run    func()                     // its goroutine
	label  string                     // tells it from all others, in the goroutine's labels
	labels context.Context            // with the labels of the task before, whose name is
	name   string                     // this one, and mostly the next one's too
	byName map[string]context.Context // with those of other names; nil: none yet

	task     *task
	step     step
	exited   bool    // an observer of the start has called runtime.Goexit
	outcome  Outcome // of the attempt
	err      error
	again    *nextAttempt
	reports  bool // the observers have seen the end
	proceeds bool // the observers have seen the pause

	// Guarded by the runner's mu.
	inCaller  bool // Do runs it on the caller's goroutine
	holdsSlot bool
	next      *worker // in book.free or todo.workers
}

// step is what a worker does next with its task. A worker sets it before it calls
// user code, so that another goroutine can go on if that calls runtime.Goexit.
type step uint8

const (
	stepStarted step = iota // tell the observers of the start
	stepCall                // call the callback
	stepDecide              // decide whether there will be another attempt
	stepEnd                 // book the end
	stepEnded               // tell the observers of it
	stepNext                // take the next task
)

// newWorkerLocked returns a worker without a goroutine for a callback of a book:
// the one that was freed last among those that have run that name, whose labels are
// made already.
func (r *Runner) newWorkerLocked(b *book) *worker {
	if w := b.free; w != nil {
		b.free, w.next = w.next, nil
		return w
	}
	if r.made >= r.cfg.Workers+r.cfg.MaxStuck {
		for _, other := range r.inOrder {
			if other.free != nil {
				return r.newWorkerLocked(other)
			}
		}
	}
	r.made++
	w := &worker{runner: r, label: fmt.Sprintf("%p/%d", r, r.made)}
	w.run = w.work
	return w
}

// startWorkerLocked has a worker of its own start t.
func (r *Runner) startWorkerLocked(t *task, now moment) {
	w := r.newWorkerLocked(t.book)
	w.holdsSlot = true
	r.slots++
	r.running++
	r.startLocked(w, t, now)
	w.next, r.todo.workers = r.todo.workers, w
}

// startLocked starts t on w.
func (r *Runner) startLocked(w *worker, t *task, now moment) {
	w.task, w.step, t.worker = t, stepCall, w
	w.outcome, w.err = OutcomeError, ErrGoexit // unless it returns or panics
	r.moveLocked(t, phaseRunning, now)
}

// beginAttemptLocked begins what belongs to a running task.
func (r *Runner) beginAttemptLocked(t *task, now moment) {
	w := t.worker
	t.started, t.stuck = now, false
	t.attempt++
	if !w.inCaller {
		t.onClock = true
		r.busy++
		r.busySince += now
	}
	r.countStartLocked(t)
	r.watchLocked(t, now)
	if t.onClock && t.timeout > 0 {
		t.onTime = true
		r.onTime++
	}
	if r.hooks.wantsStart(t) {
		t.turn.post(turnStarted)
		w.step = stepStarted
	}
}

// work is the life of a worker's goroutine.
func (w *worker) work() {
	finished := false
	defer func() {
		if !finished { // user code has called runtime.Goexit
			w.exited = true
			go w.run()
		}
	}()
	for w.goOn() {
	}
	finished = true
}

// goOn does the next step. It returns false once the worker is free.
func (w *worker) goOn() bool {
	r, t := w.runner, w.task
	switch w.step {
	case stepStarted:
		if r.tell(t) == turnReport { // the drain has given it up meanwhile
			t.result = ErrShutdown
			w.reports, w.step = true, stepNext
		} else if w.step = stepCall; w.exited {
			w.step = stepDecide
		}
	case stepCall:
		w.step = stepDecide
		w.call()
	case stepDecide:
		t.ctx.returned.Store(true)
		t.ctx.end(over)
		t.result = w.err
		w.step = stepEnd
		if t.policy != nil {
			w.decide()
		}
	case stepEnd:
		return w.end()
	case stepEnded:
		switch r.tell(t) {
		case turnReport:
			w.reports = true
		case turnProceed:
			w.proceeds = true
		}
		w.step = stepNext
	case stepNext:
		now := r.lock()
		goesOn, done := w.nextLocked(now)
		r.unlockLater()
		done.recycle()
		return goesOn
	}
	return true
}

// end books the end of the attempt, and takes the next task at once if no
// observer wants to see the end.
func (w *worker) end() (goesOn bool) {
	r, t := w.runner, w.task
	now := r.lock()
	tell := false
	switch {
	case t.phase != phaseRunning || t.worker != w: // the drain has given it up
	case w.again != nil && !r.gaveUpLocked():
		tell = r.pauseLocked(t, w, now)
	default:
		t.fn = nil // what it refers to need not stay
		tell = r.endLocked(t, w.outcome, w.err, now)
	}
	w.step, goesOn = stepEnded, true
	var done *task
	if !tell {
		goesOn, done = w.nextLocked(now)
	}
	r.unlockLater()
	done.recycle()
	return goesOn
}

// nextLocked does what is left for the last task, and starts the next one. goesOn
// is false if there is none for w, which is free then. done is the last task, if it
// can be recycled.
func (w *worker) nextLocked(now moment) (goesOn bool, done *task) {
	r, t := w.runner, w.task
	if w.reports {
		r.reportedLocked(t)
	}
	if w.proceeds {
		r.proceedLocked(t, now)
	}
	if !w.exited && t.isPlainLocked() {
		done = t
	}
	w.task, w.err, w.again, w.exited, w.reports, w.proceeds = nil, nil, nil, false, false, false
	if w.inCaller {
		w.inCaller = false
		w.next, t.book.free = t.book.free, w
		return false, done
	}
	if !w.holdsSlot && r.slots < r.cfg.Workers { // its task was stuck, and has ended
		w.holdsSlot = true
		r.slots++
	}
	if next := r.queue.first; next != nil && w.holdsSlot {
		r.startLocked(w, next, now)
		return true, done
	}
	if w.holdsSlot {
		w.holdsSlot = false
		r.slots--
	}
	r.running--
	w.next, t.book.free = t.book.free, w
	r.progressLocked()
	return false, done
}

// leaveWorkerLocked takes a task that stops running off its worker.
func (r *Runner) leaveWorkerLocked(t *task, now moment) {
	if t.stuck {
		r.total.stuck--
		t.book.stuck--
	}
	if t.isUnseen() {
		// An abandoned task has the stack that the drain has read. Any other one hangs
		// no more, and has none.
		t.extra.stuck.Stack = t.extra.stack
		r.tellStuckLocked(t)
	}
	w := t.worker
	t.worker = nil
	if t.onClock {
		r.stopClockLocked(t, now)
	} else if !w.inCaller {
		r.replaced--
		r.replaceNextLocked(now)
	}
}

// stopClockLocked ends the worker time of a task.
func (r *Runner) stopClockLocked(t *task, now moment) {
	t.onClock = false
	r.endOnTimeLocked(t)
	r.busy--
	r.busySince -= t.started
	r.busyBefore += now - t.started
}

// endOnTimeLocked counts that a task's deadline has passed, or that its run takes no
// worker's time any more.
func (r *Runner) endOnTimeLocked(t *task) {
	if t.onTime {
		t.onTime = false
		r.onTime--
	}
}
