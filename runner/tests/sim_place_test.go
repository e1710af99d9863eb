package tests

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/afterglow-go/afterglow/runner"
)

// before is what a prediction needs to know.
type before struct {
	runner.Snapshot
	waiting bool // somebody waits for a place
}

func (w *world) before() before {
	s := w.runner.Snapshot()
	w.mu.Lock()
	defer w.mu.Unlock()
	return before{s, len(w.waiters()) > 0}
}

// taken is how many places of each kind are taken, of all and of each name.
type taken struct {
	all    [runner.NumPlaces]int
	byName map[string][runner.NumPlaces]int
}

func takenIn(s runner.Snapshot) taken {
	t := taken{byName: map[string][runner.NumPlaces]int{}}
	for kind, p := range s.Places {
		t.all[kind] = p.Taken
	}
	for _, c := range s.Callbacks {
		t.byName[c.Name] = c.Places
	}
	return t
}

// whyFull returns the error that tells why the jobs, asked for together, find no
// places; nil if they do. It is ErrQueueFull only if nothing else is missing. mu is held.
func (m *model) whyFull(s runner.Snapshot, jobs []*job) error {
	err := m.firstLack(s, jobs)
	if err == runner.ErrQueueFull && !m.neverFits(jobs) { //nolint:errorlint // the very same
		return cmp.Or(m.whyAsideFull(takenIn(s), jobs), err)
	}
	return err
}

// firstLack returns the error of the first place that one of the jobs does not find. mu
// is held.
func (m *model) firstLack(s runner.Snapshot, jobs []*job) error {
	if m.neverFits(jobs) {
		return runner.ErrQueueFull
	}
	t := takenIn(s)
	for _, j := range jobs {
		if err := m.whyFullFor(t, j, jobs); err != nil {
			return err
		}
		own := t.byName[j.spec.name]
		for kind := range runner.NumPlaces {
			if m.needs(j, kind) {
				t.all[kind]++
				own[kind]++
			}
		}
		t.byName[j.spec.name] = own
	}
	return nil
}

// whyAsideFull looks at the places that are not those of the queue. mu is held.
func (m *model) whyAsideFull(t taken, jobs []*job) error {
	for _, j := range jobs {
		own := t.byName[j.spec.name]
		for kind, err := range map[runner.Place]error{runner.PlaceReserved: runner.ErrReservedFull, runner.PlaceHeld: runner.ErrHeldFull, runner.PlacePaused: runner.ErrPausedFull} {
			if m.needs(j, kind) && t.all[kind]+own[kind] >= m.cfg.MaxHeld {
				return err
			}
		}
	}
	return nil
}

// neverFits reports whether an empty queue had no room for the jobs. mu is held.
func (m *model) neverFits(jobs []*job) bool {
	return m.reservedWith(jobs[0], jobs)+len(jobs) > m.cfg.Queue
}

func (m *model) whyFullFor(t taken, j *job, jobs []*job) error {
	if err := m.whyAsideFull(t, []*job{j}); err != nil {
		return err
	}
	if m.cfg.Overflow != runner.DropOldest && t.all[runner.PlaceQueued]+m.reservedWith(j, jobs) >= m.cfg.Queue {
		return runner.ErrQueueFull
	}
	return nil
}

// reservedWith returns how many jobs wait for the scope that j waits for, without those
// asked for together with it. mu is held.
func (m *model) reservedWith(j *job, jobs []*job) (n int) {
	for _, other := range m.live {
		if j.scope != nil && !slices.Contains(jobs, other) && other.scope == j.scope && other.phase == accepted && other.order == 0 {
			n++
		}
	}
	return n
}

// needs reports whether j may have to wait at a kind of place. mu is held.
func (m *model) needs(j *job, kind runner.Place) bool {
	switch kind {
	case runner.PlaceReserved:
		return j.scope != nil && !j.scope.released
	case runner.PlaceHeld:
		return m.cfg.Limits[j.spec.name] > 0
	case runner.PlacePaused:
		return j.spec.attempts >= 2
	default:
		return true
	}
}

// predict holds the answer against the state before it was asked for: places
// that are free are given, to all or none, and others are not.
func (w *world) predict(jobs []*job, before before) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := jobs[0]
	for _, other := range jobs {
		if other.spec.once != "" { // it may need no place
			return
		}
		w.require((other.phase == wanted) == (j.phase == wanted) && (other.phase == refused) == (j.phase == refused) || w.slow, "answer", "%v and %v were asked for together", j, other)
	}
	if w.sight != seesAll && w.reservedWith(j, jobs) > 0 { // some of these may have ended unseen
		return
	}
	wasTaken := j.phase != wanted && j.phase != refused
	full := w.whyFull(before.Snapshot, jobs)
	switch {
	case j.gone, w.slow && j.phase == wanted: // the observers are told of the evicted one first
	case before.Closed:
		w.require(errors.Is(j.err, runner.ErrClosed), "answer", "%v was asked for after Shutdown and told %v", j, j.err)
	case before.Replaced == w.cfg.MaxStuck:
		w.require(errors.Is(j.err, runner.ErrStuck), "answer", "%v was asked for while %d are stuck and told %v", j, before.Replaced, j.err)
	case full == nil && !before.waiting:
		w.require(wasTaken || w.slow, "answer", "%v was told %v, the places: %v", j, j.err, before.Places)
	case w.cfg.Overflow == runner.Reject || w.cfg.Overflow == runner.DropOldest || w.neverFits(jobs) || !before.waiting && full != nil && full != runner.ErrQueueFull: //nolint:errorlint // the very same
		w.require(w.isFull(jobs, j.err, full) || w.slow, "answer", "%v, one of %d, was told %v, not %v, the places: %v", j, len(jobs), j.err, full, before.Places)
	default: // a place may become free right after; while observers are slow, at the same instant
		w.require(w.slow || j.phase == wanted || j.took.After(j.askedAt) || errors.Is(j.err, context.Canceled) || before.waiting, "answer", "%v was told %v and should wait", j, j.err)
	}
}

// isFull reports whether an answer fits the reason that the model found first. There
// can be several. mu is held.
func (m *model) isFull(jobs []*job, err, full error) bool {
	if errors.Is(full, runner.ErrReservedFull) || errors.Is(full, runner.ErrHeldFull) || errors.Is(full, runner.ErrPausedFull) {
		return errors.Is(err, runner.ErrQueueFull)
	}
	return err == full || len(jobs) > 1 && errors.Is(err, runner.ErrQueueFull) //nolint:errorlint // the very same
}

// waiters returns those who wait for a place under Block. mu is held.
func (m *model) waiters() (all []*job) {
	for _, j := range m.live {
		if m.longest(j) > 0 && j.phase == wanted && !j.gone && !j.answered && !j.inCaller && !j.later {
			all = append(all, j)
		}
	}
	return all
}

// checkWaiters holds that places are given as soon as they are free, and in
// order. mu is held.
func (m *model) checkWaiters(s runner.Snapshot) {
	seen := map[*batch]bool{}
	for _, j := range m.waiters() {
		m.require(!s.Closed, "places are given", "%v waits, and the runner is closed", j)
		for _, other := range m.live {
			overtaken := other.phase != wanted && other.phase != refused && other.askedAt.After(j.askedAt) && other.spec.once == "" && !other.inCaller
			m.require(!overtaken, "places are given in order", "%v waits, and %v, asked for later, has one", j, other)
		}
		jobs := []*job{j}
		if j.batch != nil {
			if seen[j.batch] {
				continue
			}
			seen[j.batch] = true
			jobs = j.batch.jobs
		}
		for _, one := range jobs {
			if one.spec.once != "" { // it may need no place
				return
			}
		}
		if m.sight != seesAll && m.reservedWith(j, jobs) > 0 {
			return
		}
		full := m.firstLack(s, jobs)
		m.require(full == runner.ErrQueueFull, "places are given", "%v waits, and is not in want of the queue but of %v: %v", j, full, s.Places) //nolint:errorlint // the very same
		return                                                                                                                                   // the others wait for this one
	}
}

// checkPlaces holds where jobs wait against the places. mu is held.
func (m *model) checkPlaces(s runner.Snapshot, c tally) {
	at := func(p runner.Place) int { return s.Places[p].Taken }
	m.require(at(runner.PlaceReserved) == s.Reserved, "places", "Stats has %+v", s.Stats)
	m.require(at(runner.PlaceQueued)+at(runner.PlaceHeld)+at(runner.PlacePaused) == s.Queued+s.Paused, "places", "Stats has %+v", s.Stats)
	m.require(at(runner.PlaceQueued) == s.Depth && s.Depth <= c.due && s.Depth+at(runner.PlaceHeld) >= c.due, "places", "%d are due: Stats has %+v", c.due, s.Stats)
	m.require(len(m.cfg.Limits) > 0 || at(runner.PlaceHeld) == 0, "places", "Stats has %+v", s.Stats)
	m.require(m.cfg.Overflow != runner.DropOldest || m.drains.begun || len(m.cfg.Limits) > 0 || s.Depth <= s.Capacity, "places", "Stats has %+v", s.Stats)
}
