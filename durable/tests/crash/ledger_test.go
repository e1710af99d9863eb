package crash_test

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/durable"
)

// line is what a child has said.
type line struct {
	word string
	at   time.Time
	key  string
	rest string
}

// ledger is what all children have said.
type ledger struct {
	mu    sync.Mutex
	tasks map[string]*entry // guarded by mu
	fails int               // guarded by mu: enqueues that returned an error
	txs   int               // guarded by mu: transactions that were open at the kill
	backs int               // guarded by mu: transactions that were rolled back
}

// entry is one task.
type entry struct {
	asked, due time.Time // due is zero until it is acknowledged
	isLater    bool      // due a while after it was acknowledged
	isOpen     bool      // in a transaction whose end nobody has seen
	isBack     bool      // rolled back
	runs       []*run
}

// run is one run of a task. Times are zero until they come.
type run struct {
	by         *process
	start, end time.Time // end: it returned nil in time
	cut, late  time.Time // its context ended; it returned nil after that
	cause      string    // of cut
}

func newLedger() *ledger { return &ledger{tasks: make(map[string]*entry)} }

// note writes down what a child has said.
func (l *ledger) note(by *process, s line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.tasks[s.key]
	if e == nil {
		e = new(entry)
		l.tasks[s.key] = e
	}
	switch s.word {
	case wordAsk:
		e.asked = s.at
	case wordTx:
		e.isOpen = true
	case wordBack:
		e.isOpen, e.isBack = false, true
		l.backs++
	case wordFail:
		e.isOpen = false
		l.fails++
	case wordAck:
		later, _ := time.ParseDuration(s.rest)
		e.isOpen, e.isLater, e.due = false, later > 0, s.at.Add(later)
	case wordStart:
		e.runs = append(e.runs, &run{by: by, start: s.at})
	default:
		e.goOnLocked(by, s)
	}
}

// goOnLocked writes down what became of a run.
func (e *entry) goOnLocked(by *process, s line) {
	for _, r := range slices.Backward(e.runs) {
		if r.by != by {
			continue
		}
		switch s.word {
		case wordEnd:
			r.end = s.at
		case wordCut:
			r.cut, r.cause = s.at, s.rest
		case wordLate:
			r.late = s.at
		}
		return
	}
}

// over is when a run had ended for sure; zero: it goes on.
func (r *run) over() time.Time {
	switch {
	case !r.end.IsZero():
		return r.end
	case !r.late.IsZero():
		return r.late
	case !r.cut.IsZero():
		return r.cut
	}
	return r.by.killedAt()
}

// inOrderLocked returns the runs by their starts.
func (e *entry) inOrderLocked() []*run {
	slices.SortStableFunc(e.runs, func(a, b *run) int { return a.start.Compare(b.start) })
	return e.runs
}

// hasEndedLocked reports whether a run has returned nil in time.
func (e *entry) hasEndedLocked() bool {
	return slices.ContainsFunc(e.runs, func(r *run) bool { return !r.end.IsZero() })
}

// unfinished returns the acknowledged tasks, and those that have started, that have not ended.
func (l *ledger) unfinished() (keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, e := range l.tasks {
		if (!e.due.IsZero() || len(e.runs) > 0) && !e.hasEndedLocked() {
			keys = append(keys, key)
		}
	}
	return keys
}

// wounded returns the tasks that ran in a process when it was killed and have not started again. It also counts the
// transactions that were open.
func (l *ledger) wounded(by *process) (keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, e := range l.tasks {
		all := e.inOrderLocked()
		if n := len(all); n > 0 && all[n-1].by == by && all[n-1].end.IsZero() && all[n-1].cut.IsZero() {
			keys = append(keys, key)
		}
		if e.isOpen && strings.HasPrefix(key, by.name+"-") {
			l.txs++
		}
	}
	return keys
}

// figures is what a run has found.
type figures struct {
	acknowledged, unacknowledged, rolledBack, failed int
	inTx                                             int // kills that found a transaction open
	again                                            int // runs again as the process died in the middle
	finishedAgain                                    int // runs again as it died before the result was written
	interrupted                                      int // runs again after a polite stop
	afterLease                                       int // runs again after a lost lease
	twice                                            []string
	overlaps                                         []string
	first                                            []time.Duration // from the kill to the next start
	later                                            []time.Duration // the same of tasks that were killed before, which wait
	beyond                                           []time.Duration // later without what they wait at the most
	waits, scheduled                                 []time.Duration // from due to the first start: due at once, and later
}

// written is how long before a kill a result may have come that was not written.
const written = 5 * time.Second

// sum looks at all runs.
func (l *ledger) sum() (f figures) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.failed, f.rolledBack, f.inTx = l.fails, l.backs, l.txs
	for key, e := range l.tasks {
		all := e.inOrderLocked()
		switch {
		case !e.due.IsZero():
			f.acknowledged++
		case len(all) > 0:
			f.unacknowledged++
		}
		if len(all) > 0 && !e.due.IsZero() {
			waited := max(all[0].start.Sub(e.due), 0)
			if e.isLater {
				f.scheduled = append(f.scheduled, waited)
			} else {
				f.waits = append(f.waits, waited)
			}
		}
		kills := 0
		for i := 1; i < len(all); i++ {
			f.pair(key, all[i-1], all[i], &kills)
		}
	}
	for _, d := range [][]time.Duration{f.first, f.later, f.beyond, f.waits, f.scheduled} {
		slices.Sort(d)
	}
	return f
}

// pair judges two runs of a task that follow each other.
func (f *figures) pair(key string, r, next *run, kills *int) {
	over, killed := r.over(), r.by.killedAt()
	if over.IsZero() || next.start.Before(over) {
		f.overlaps = append(f.overlaps, key)
	}
	wasKilled := !killed.IsZero() && killed.Before(next.start)
	switch {
	case !r.end.IsZero() && wasKilled && killed.Sub(r.end) < written:
		f.finishedAgain++
		*kills++
	case !r.end.IsZero():
		f.twice = append(f.twice, key)
	case strings.Contains(r.cause, durable.ErrLeaseLost.Error()):
		f.afterLease++
	case !r.cut.IsZero():
		f.interrupted++
	case wasKilled:
		f.again++
		*kills++
		if took := next.start.Sub(killed); *kills == 1 {
			f.first = append(f.first, took)
		} else {
			f.later = append(f.later, took)
			f.beyond = append(f.beyond, took-min(time.Second<<min(*kills-2, 12), time.Hour))
		}
	default:
		f.twice = append(f.twice, key)
	}
}

// quantile is that of sorted durations.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(time.Millisecond)
}
