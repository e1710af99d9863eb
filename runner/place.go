package runner

import "fmt"

// Place is what an accepted callback takes while it waits. There is a kind for each
// thing that callbacks wait for, with a bound of its own: callbacks whose pages stay
// open, or whose partner does not answer, take no places from others.
type Place uint8

// The kinds of places.
const (
	// PlaceQueued: due, and waits for a worker. Bounded by Config.Queue.
	PlaceQueued Place = iota
	// PlaceReserved: waits until its response is done, or its scope is released.
	// Bounded by Config.MaxReserved.
	PlaceReserved
	// PlaceHeld: due, and waits for its name's share of Config.Limits. Bounded by
	// Config.MaxHeld.
	PlaceHeld
	// PlacePaused: waits between two attempts, or for a worker for its next attempt.
	// Bounded by Config.MaxPaused.
	PlacePaused

	// NumPlaces is the number of kinds: range over it to visit each.
	NumPlaces

	noPlace = NumPlaces // of a task that does not wait
)

var placeNames = [NumPlaces]string{"queued", "reserved", "held", "paused"}

// String returns the kind as metrics and logs spell it: queued, reserved, held or
// paused.
func (p Place) String() string {
	if p < NumPlaces {
		return placeNames[p]
	}
	return fmt.Sprintf("Place(%d)", uint8(p))
}

// MarshalText implements [encoding.TextMarshaler] with the name String returns.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// PlaceStats is how many places of a kind there are.
type PlaceStats struct {
	// Taken is how many callbacks wait there. Callbacks that were accepted are never
	// rejected later, so Taken can exceed Limit when many responses end at once.
	Taken int

	// Limit is how many may be taken before After rejects more.
	Limit int
}

// places counts the places of a runner, or those of one name.
type places struct {
	taken   [NumPlaces + 1]int // the last element is for noPlace, and is never read
	granted [NumPlaces + 1]int // to calls of After that have not taken their places yet
}

func (p *places) used(kind Place) int { return p.taken[kind] + p.granted[kind] }

// waitsAt returns the kind of place that t takes now.
func (t *task) waitsAt() Place {
	switch {
	case t.phase == phasePaused, t.phase == phaseQueued && t.attempt > 0:
		return PlacePaused
	case t.phase == phaseQueued:
		return PlaceQueued
	case t.phase == phaseReserved:
		return PlaceReserved
	case t.phase == phaseHeld:
		return PlaceHeld
	default:
		return noPlace
	}
}

// movePlaceLocked counts the place that t takes now instead of its last one.
func (r *Runner) movePlaceLocked(t *task, now moment) {
	to := t.waitsAt()
	if t.place == to {
		return
	}
	before := r.places.taken[PlaceQueued]
	r.places.taken[t.place]--
	t.book.places.taken[t.place]--
	r.places.taken[to]++
	t.book.places.taken[to]++
	if after := r.places.taken[PlaceQueued]; after != before {
		r.highWater.note(max(before, after), now)
	}
	t.place = to
	if r.waiters.first != nil {
		r.grantLocked()
	}
}

// needs reports whether t may have to wait at a kind of place. Each callback may have to
// wait for a worker.
func (t *task) needs(kind Place) bool {
	switch kind {
	case PlaceReserved:
		return t.scope.state.Load() != scopeReleased
	case PlaceHeld:
		return t.book.limit > 0
	case PlacePaused:
		return t.retries()
	default:
		return true
	}
}

// limitOf returns how many places of a kind there are.
func (c *Config) limitOf(kind Place) int {
	switch kind {
	case PlaceReserved:
		return c.MaxReserved
	case PlaceHeld:
		return c.MaxHeld
	case PlacePaused:
		return c.MaxPaused
	default:
		return c.Queue
	}
}

var placeErrors = [NumPlaces]error{ErrQueueFull, ErrReservedFull, ErrHeldFull, ErrPausedFull}

// fullLocked returns why there is no place for t; nil if there is one of each kind
// that it needs. It is ErrQueueFull itself only if nothing else is missing.
func (r *Runner) fullLocked(t *task) error {
	if err := r.asideFullLocked(t); err != nil || r.evictsLocked() { // DropOldest makes room when t is due
		return err
	}
	if r.places.used(PlaceQueued)+t.scope.reserved >= r.cfg.Queue { // they will be due together
		return ErrQueueFull
	}
	return nil
}

// asideFullLocked returns the error of the first kind of place beside the queue that t
// may need and cannot have; nil if there is none. One name may take as many places of a
// kind as it leaves free. So n such names leave one part in n+1 to others.
func (r *Runner) asideFullLocked(t *task) error {
	for kind := PlaceQueued + 1; kind < NumPlaces; kind++ {
		if t.needs(kind) && r.places.used(kind)+t.book.places.used(kind) >= r.cfg.limitOf(kind) {
			return placeErrors[kind]
		}
	}
	return nil
}

// grantPlacesLocked grants each task the places that it may need. If one of them cannot
// have its places, it grants nothing, and returns why.
func (r *Runner) grantPlacesLocked(tasks []*task) error {
	for i, t := range tasks {
		if t.repeats {
			continue
		}
		if err := r.fullLocked(t); err != nil {
			r.ungrantLocked(tasks[:i])
			return err
		}
		t.addGrantedLocked(1)
		t.granted = true
	}
	return nil
}

// ungrantLocked takes back what the tasks have been granted. From then on they have
// taken their places, or need none.
func (r *Runner) ungrantLocked(tasks []*task) {
	for _, t := range tasks {
		if t.granted {
			t.granted = false
			t.addGrantedLocked(-1)
		}
	}
}

// addGrantedLocked adds n to the count of each kind of place that t may need. The kinds must
// be the same when they are taken back. Only the scope can change meanwhile, when it is
// released: t.reserves keeps what it needed when it was granted.
func (t *task) addGrantedLocked(n int) {
	for kind := range NumPlaces {
		if kind == PlaceReserved && n > 0 {
			t.reserves = t.needs(kind)
		}
		if kind == PlaceReserved && t.reserves || kind != PlaceReserved && t.needs(kind) {
			t.runner.places.granted[kind] += n
			t.book.places.granted[kind] += n
		}
	}
}
