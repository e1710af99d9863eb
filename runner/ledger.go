package runner

import "time"

// ledger is the runner's books: where each accepted task is, and how the
// others ended. Each task is in exactly one of the lists until it ends. What every
// callback changes is at the beginning, next to the end of pool; see Runner.
type ledger struct {
	queue   taskList // due, waiting for a worker
	running taskList
	asked   uint64

	// unreported is the number of accepted tasks whose Finished has not been
	// observed to its end. The drain waits for it to become 0.
	unreported int

	outcomes Outcomes

	reserved taskList // accepted, not due
	paused   taskList // between two attempts
	overflow taskList // due, waiting for the caller that runs them

	// merging finds, for each key of Coalesce, the task that is due and has not
	// started.
	merging map[mergeKey]*task
}

// followUp is what is left to do once mu is free: the callers of the methods
// that fill it pass it to do.
type followUp struct {
	retried []*task // to be observed
	ended   chain   // to be reported
	here    []*task // to be run by this goroutine

	accepted *task // to be announced, after what made room for it
}

func (f *followUp) isEmpty() bool {
	return f.ended.first == nil && len(f.retried)+len(f.here) == 0 && f.accepted == nil
}

// isOnly tells whether t's end is all there is to report.
func (f *followUp) isOnly(t *task) bool {
	return f.ended.first == t && f.ended.last == t && len(f.retried)+len(f.here) == 0
}

// do does it. Observers are user code: should one end the goroutine with Goexit,
// what is left is done as that unwinds.
func (r *Runner) do(f *followUp) {
	if f.isEmpty() {
		return
	}
	defer func() { r.do(f) }()
	for len(f.retried) > 0 {
		r.rest(shift(&f.retried))
	}
	for f.ended.first != nil {
		r.report(f.ended.shift())
	}
	if t := f.accepted; t != nil {
		f.accepted = nil
		r.announce(t)
	}
	for len(f.here) > 0 {
		r.runHere(shift(&f.here))
	}
}

func shift(tasks *[]*task) *task {
	t := (*tasks)[0]
	*tasks = (*tasks)[1:]
	return t
}

// settle ends t with its outcome, unless it has ended before: the drain and the
// worker may both come to this point, and the first counts. mu is held.
func (r *Runner) settle(t *task, o Outcome, err error, now moment, f *followUp) {
	if t.state == ended {
		return
	}
	if t.list != nil { // nil: another has taken its turn, or Once leaves it none
		t.list.remove(t)
	}
	switch {
	case t.state == queued:
		r.stopMerging(t)
	case t.state == running:
		r.leaveWorker(t, now)
	case t.extra != nil && t.extra.timer != nil:
		t.extra.timer.Stop()
	}
	if t.state != running {
		t.fn = nil // what it holds on to need not stay
	}
	r.freeSlot(t)
	r.freePlace(t, now)
	if t.inCaller {
		r.inCaller--
	}
	if o != Abandoned && t.extra != nil {
		t.extra.stack = "" // it heeded its context
	}
	t.state, t.outcome, t.err, t.finished = ended, o, err, max(now, t.asked, t.due, t.started)
	r.outcomes[o]++
	if r.drain != nil && o.Lost() {
		r.drain.lost = append(r.drain.lost, t)
	}
	t.owed = true
	f.next(t)
}

// isObserved tells whether observers are being told of t, except of its end:
// then whoever ends that goes on with what has happened meanwhile. mu is held.
func (t *task) isObserved() bool { return t.observing > 0 || t.beginning.look() }

// observed ends one call of t's observers. mu is held.
func (f *followUp) observed(t *task) {
	t.observing--
	f.next(t)
}

// next notes what t's observers are to be told now. Nothing overtakes what they
// are being told: whoever ends that comes back here. mu is held.
func (f *followUp) next(t *task) {
	switch {
	case t.isObserved():
	case t.extra != nil && t.extra.retried != nil:
		t.observing++
		f.retried = append(f.retried, t)
	case t.owed:
		t.owed = false
		if t.runner().watched.finished {
			f.ended.push(t)
		} else {
			t.runner().reported(t)
		}
	}
}

// report tells the observers how t ended, once for every accepted task.
func (r *Runner) report(t *task) {
	defer func() { // an observer may call Goexit
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reported(t)
	}()
	r.observeFinished(t)
}

// reported counts t as reported. mu is held.
func (r *Runner) reported(t *task) {
	r.unreported--
	t.scope.left()
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
	since         moment
}

func (h *highWater) read(depth int, now moment) int {
	h.note(depth, now)
	return max(h.current, h.last)
}

func (h *highWater) note(depth int, now moment) {
	switch age := now.sub(h.since); {
	case age >= 2*highWaterWindow:
		h.current, h.last, h.since = depth, depth, now
	case age >= highWaterWindow:
		h.current, h.last, h.since = depth, h.current, now
	default:
		h.current = max(h.current, depth)
	}
}
