package runner

import (
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// folded is the name under which callbacks are counted whose names are beyond
// Config.MaxNames.
const folded = "other"

// tally counts callbacks: all of a runner, or those of one name. At every moment
// asked is the sum of outcomes and of in.
type tally struct {
	asked      uint64
	outcomes   Outcomes
	in         [numPhases]int // accepted and not ended, by phase
	stuck      int
	retries    uint64
	rejections Rejections
}

// move counts that a callback goes from a phase to another.
func (c *tally) move(from, to phase) {
	if from == phaseNew {
		c.asked++
	} else {
		c.in[from]--
	}
	if to != phaseEnded {
		c.in[to]++
	}
}

// book is what a runner counts of one callback name. The runner's mu guards it.
type book struct {
	tally

	name    string
	timeout time.Duration // of the callback asked for last; 0: none

	lastSuccess, lastFailure moment

	success, failure histogram.Histogram // run times of attempts

	starts    uint64        // attempts that waited for a worker, and have it
	queueWait time.Duration // of these

	nextSample moment // the first moment for another call of Observer.Sampled

	free *worker // those without a goroutine that ran this name last, the last one freed first

	// Config.Limits: taken callbacks are on their way through the queue and the
	// workers; more wait in held.
	limit, taken int // limit 0: none
	held         taskList

	places places
}

// end counts the outcome of a callback.
func (b *book) end(o Outcome, now moment) {
	b.outcomes[o]++
	switch o {
	case OutcomeSuccess:
		b.lastSuccess = now
	case OutcomeError, OutcomePanic, OutcomeTimeout:
		b.lastFailure = now
	}
}

// sampleEvery is the time in which at most one end of a name is an example.
const sampleEvery = time.Second / 10

// sampleLocked reports whether an end now is an example, and counts it as one.
func (b *book) sampleLocked(now moment) bool {
	if now < b.nextSample {
		return false
	}
	b.nextSample = now.add(sampleEvery)
	return true
}

// books are the books of all names.
type books struct {
	total   tally
	byName  map[string]*book
	inOrder []*book // as they were opened
	other   *book   // of names beyond Config.MaxNames; nil: none yet
	folded  uint64  // callbacks counted there

	queueWait, responseDelay histogram.Histogram
	runTimes                 *histogram.Layout
	maxNames                 int // Config.MaxNames; not written after New
}

func newBooks(cfg Config) (b books, err error) {
	waits, err := histogram.NewLayout(cfg.WaitBuckets)
	if err != nil {
		return b, err
	}
	if b.runTimes, err = histogram.NewLayout(cfg.DurationBuckets); err != nil {
		return b, err
	}
	b.maxNames = cfg.MaxNames
	b.byName = make(map[string]*book)
	b.queueWait, b.responseDelay = histogram.New(waits), histogram.New(waits)
	for name, limit := range cfg.Limits {
		b.openBook(name).limit = limit
	}
	for _, name := range cfg.Names {
		if b.byName[name] == nil {
			b.openBook(name)
		}
	}
	return b, nil
}

func (b *books) openBook(name string) *book {
	opened := &book{name: name, success: histogram.New(b.runTimes), failure: histogram.New(b.runTimes)}
	b.byName[name] = opened
	b.inOrder = append(b.inOrder, opened)
	return opened
}

// openBookLocked returns the book that callbacks of a name are counted in.
func (b *books) openBookLocked(name string) *book {
	found := b.byName[name]
	if found == nil && len(b.byName) < b.maxNames {
		found = b.openBook(name)
	}
	if found != nil {
		return found
	}
	if b.other == nil {
		b.openOther()
	}
	return b.other
}

// bookLocked counts t in its book. It reports whether t is the first task whose name
// was folded.
func (r *Runner) bookLocked(t *task) (firstFolded bool) {
	if t.book.name == t.name {
		t.book.timeout = t.timeout
		return false
	}
	r.folded++
	return r.folded == 1
}

// openOther opens the book of the folded names. They share that of a callback
// which really has the name.
func (b *books) openOther() {
	if b.other = b.byName[folded]; b.other == nil {
		b.other = &book{name: folded, success: histogram.New(b.runTimes), failure: histogram.New(b.runTimes)}
		b.inOrder = append(b.inOrder, b.other)
	}
}

// countRunLocked counts the end of an attempt.
func (r *Runner) countRunLocked(t *task, to phase, now moment) {
	ran := t.ran(now)
	if to == phaseEnded && t.outcome == OutcomeSuccess {
		t.book.success.Observe(ran)
		return
	}
	t.book.failure.Observe(ran)
	if to == phasePaused {
		r.total.retries++
		t.book.retries++
	}
}

// countStartLocked counts the start of an attempt.
func (r *Runner) countStartLocked(t *task) {
	if t.worker.inCaller {
		return // it has waited for nothing
	}
	waited := t.started.since(t.due)
	r.queueWait.Observe(waited)
	t.book.starts++
	t.book.queueWait += waited
	if t.askedAfter && t.attempt == 1 { // one response, though there may be many attempts
		r.responseDelay.Observe(t.released.since(t.asked))
	}
}
