package runner

import "time"

// ledger is the runner's books: where each accepted task is, and how the
// others ended. Each task is in exactly one of the lists until it ends.
type ledger struct {
	asked    uint64
	outcomes Outcomes

	reserved taskList // accepted, not due
	queue    taskList // due, waiting for a worker
	overflow taskList // due, waiting for the caller that runs them
	running  taskList

	// unreported is the number of accepted tasks whose Finished has not been
	// observed to its end. The drain waits for it to become 0.
	unreported int
}

// settle ends t with its outcome. It returns false if t had ended before:
// the drain and the worker may both come to this point, and the first counts.
// Whoever gets true calls report, or sets owed to leave that to the goroutine
// whose observers are under way, so that Finished never overtakes Started. mu
// is held.
func (r *Runner) settle(t *task, o Outcome, err error, now time.Time) bool {
	if t.state == ended {
		return false
	}
	t.list.remove(t)
	switch {
	case t.inCaller:
		r.inCaller--
	case t.state != running:
		r.freePlace(now)
	}
	if t.onWorker {
		r.busyDone += now.Sub(t.started)
	}
	if t.state != running {
		t.fn = nil // what it holds on to need not stay
	}
	t.state, t.outcome, t.err, t.finished = ended, o, err, now
	r.outcomes[o]++
	if r.drain != nil && o.Lost() {
		r.drain.lose(t)
	}
	return true
}

// report tells the observers how t ended, once for every accepted task.
func (r *Runner) report(t *task) {
	if r.watched.finished {
		r.observeFinished(t)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unreported--
	if r.unreported == 0 && r.drain != nil {
		r.drain.markEmpty()
	}
}

// highWaterWindow is the least time that a peak stays visible. It is longer
// than the scrape intervals in use, and needs no scrape to reset it, so that
// any number of readers see the same.
const highWaterWindow = time.Minute

// highWater remembers the highest depth of the current and the last window.
type highWater struct {
	current, last int
	since         time.Time
}

func (h *highWater) read(depth int, now time.Time) int {
	h.note(depth, now)
	return max(h.current, h.last)
}

func (h *highWater) note(depth int, now time.Time) {
	switch age := now.Sub(h.since); {
	case age >= 2*highWaterWindow:
		h.current, h.last, h.since = depth, depth, now
	case age >= highWaterWindow:
		h.current, h.last, h.since = depth, h.current, now
	default:
		h.current = max(h.current, depth)
	}
}
