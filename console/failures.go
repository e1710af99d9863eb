package console

import (
	"cmp"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"sync"
	"time"
)

// Bounds of what is kept of failures.
const (
	maxGroups        = 400 // of all callbacks
	maxGroupsOfName  = 16
	maxSamples       = 3 // of a group
	maxNotedInASec   = 1000
	minutesOfHistory = 30
)

// FailureGroup is failures that look the same: the same callback, outcome, type of error
// and line, and the same message without numbers and ids.
type FailureGroup struct {
	ID        string    `json:"id"`
	Runner    string    `json:"runner"`
	Callback  string    `json:"callback"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason,omitempty"`
	ErrorType string    `json:"error_type,omitempty"`
	Error     string    `json:"error"` // of the newest
	Place     string    `json:"place,omitempty"`
	At        *Frame    `json:"at,omitempty"` // the line that it points to
	Count     uint64    `json:"count"`        // since First
	Retried   uint64    `json:"retried,omitempty"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Minutes   []uint32  `json:"minutes"` // of the last half hour, the oldest first
	Samples   []Run     `json:"samples,omitempty"`
}

// group is a FailureGroup in the making.
type group struct {
	FailureGroup
	minutes [minutesOfHistory]uint32
	minute  int64 // that the last of minutes is of
	samples ring[Run]
	counted string
}

// failures keeps the failures of all runners, in groups. How many there are of each name
// and of all is bounded; those that were not seen for longest are forgotten.
type failures struct {
	mu     sync.Mutex
	groups map[string]*group // guarded by mu; by id
	second int64             // guarded by mu; in which noted counts
	noted  int               // guarded by mu
	missed uint64            // guarded by mu: in floods, only the totals have counted them
	start  time.Time
}

func newFailures() *failures {
	return &failures{groups: make(map[string]*group), start: time.Now()}
}

// note counts a failure in its group.
func (f *failures) note(run Run) {
	if !f.admit() {
		return
	}
	run.Function = functionOfCallback(run.fn)
	at, ok := run.place()
	h := fnv.New128a()
	for _, part := range []string{run.Runner, run.counted, run.Outcome, run.Reason, run.ErrorType, at.Func, at.String(), shape(run.Error)} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	id := hex.EncodeToString(h.Sum(nil))

	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.groups[id]
	if g == nil {
		f.makeRoomLocked(nameKey{run.Runner, run.counted})
		g = &group{counted: run.counted, samples: newRing[Run](maxSamples)}
		g.FailureGroup = FailureGroup{
			ID: id, Runner: run.Runner, Callback: run.counted, Outcome: run.Outcome, Reason: run.Reason, ErrorType: run.ErrorType, First: run.Ended,
		}
		if ok {
			g.At, g.Place = &at, at.String()
		}
		f.groups[id] = g
	}
	g.Count++
	if run.Retried {
		g.Retried++
	}
	g.Error, g.Last = run.Error, run.Ended
	g.countMinute(f.now())
	g.samples.push(run)
}

// admit reports whether a failure is looked at: in a flood, most are not, as that takes
// time of the callbacks.
func (f *failures) admit() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if second := int64(time.Since(f.start) / time.Second); second != f.second {
		f.second, f.noted = second, 0
	}
	if f.noted >= maxNotedInASec {
		f.missed++
		return false
	}
	f.noted++
	return true
}

// now is the minute since the start, by the monotonic clock.
func (f *failures) now() int64 { return int64(time.Since(f.start) / time.Minute) }

// countMinute counts a failure in this minute.
func (g *group) countMinute(minute int64) {
	g.advance(minute)
	g.minutes[minutesOfHistory-1]++
}

// advance moves the minutes on.
func (g *group) advance(minute int64) {
	by := int(min(minute-g.minute, minutesOfHistory))
	if by > 0 {
		copy(g.minutes[:], g.minutes[by:])
		clear(g.minutes[minutesOfHistory-by:])
		g.minute = minute
	}
}

// makeRoomLocked forgets a group if there are too many: of this name, or else one of the
// name that has most.
func (f *failures) makeRoomLocked(key nameKey) {
	of := make(map[nameKey]int)
	for _, g := range f.groups {
		of[nameKey{g.Runner, g.counted}]++
	}
	if of[key] >= maxGroupsOfName {
		f.forgetLocked(key)
	}
	if len(f.groups) < maxGroups {
		return
	}
	most := key
	for k, n := range of {
		if n > of[most] {
			most = k
		}
	}
	f.forgetLocked(most)
}

// forgetLocked forgets the group of a name that was not seen for longest.
func (f *failures) forgetLocked(key nameKey) {
	var oldest *group
	for _, g := range f.groups {
		if (nameKey{g.Runner, g.counted}) == key && (oldest == nil || g.Last.Before(oldest.Last)) {
			oldest = g
		}
	}
	if oldest != nil {
		delete(f.groups, oldest.ID)
	}
}

// list returns the groups that match, those seen last first, without their samples.
func (f *failures) list(match func(*FailureGroup) bool) []FailureGroup {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []FailureGroup
	for _, g := range f.groups {
		if match(&g.FailureGroup) {
			found = append(found, f.copyLocked(g))
		}
	}
	slices.SortFunc(found, func(a, b FailureGroup) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(b.Count, a.Count), cmp.Compare(a.ID, b.ID))
	})
	return found
}

func (f *failures) copyLocked(g *group) FailureGroup {
	g.advance(f.now())
	found := g.FailureGroup
	found.Minutes = slices.Clone(g.minutes[:])
	return found
}

// get returns a group with its samples, the newest first.
func (f *failures) get(id string) (FailureGroup, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.groups[id]
	if g == nil {
		return FailureGroup{}, false
	}
	found := f.copyLocked(g)
	for i := g.samples.len() - 1; i >= 0; i-- {
		found.Samples = append(found.Samples, *g.samples.at(i))
	}
	return found, true
}

// skipped returns how many failures were not looked at.
func (f *failures) skipped() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.missed
}
