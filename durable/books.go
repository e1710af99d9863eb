package durable

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// folded is the name under which tasks are counted whose names are beyond
// Config.MaxNames.
const folded = "other"

// books are what this process has counted.
type books struct {
	mu sync.Mutex

	// Guarded by mu.
	byName     map[string]*book
	other      *book // nil: none yet
	rejections runner.Rejections
	queueWait  histogram.Histogram
	running    map[*attempt]time.Time // since when
	busy       time.Duration          // of attempts that have ended
	folded     uint64
	panics     uint64 // of observers of enqueuing
	leasesLost uint64

	maxNames        int
	runTimes, waits *histogram.Layout
}

// book is what is counted of one name.
type book struct {
	name                     string
	timeout                  time.Duration
	asked, retries, starts   uint64
	rescued, interrupted     uint64
	outcomes                 runner.Outcomes
	rejections               runner.Rejections
	queueWait                time.Duration
	lastSuccess, lastFailure time.Time
	success, failure         histogram.Histogram
}

var (
	defaultDurationBuckets = buckets(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 5.5, 10, 11, 30, 33, 60, 300, 900, 3600)
	defaultWaitBuckets     = buckets(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4*3600, 24*3600)
)

func buckets(seconds ...float64) (all []time.Duration) {
	for _, s := range seconds {
		all = append(all, time.Duration(s*float64(time.Second)).Round(time.Microsecond))
	}
	return all
}

func newBooks(cfg Config) (*books, error) {
	b := &books{byName: make(map[string]*book), running: make(map[*attempt]time.Time), maxNames: cfg.MaxNames}
	if len(cfg.DurationBuckets) == 0 {
		cfg.DurationBuckets = defaultDurationBuckets
	}
	if len(cfg.WaitBuckets) == 0 {
		cfg.WaitBuckets = defaultWaitBuckets
	}
	var err error
	if b.runTimes, err = histogram.NewLayout(cfg.DurationBuckets); err != nil {
		return nil, err
	}
	if b.waits, err = histogram.NewLayout(cfg.WaitBuckets); err != nil {
		return nil, err
	}
	b.queueWait = histogram.New(b.waits)
	return b, nil
}

// ofLocked returns the book of a task's name. t is nil if this process does not know the task.
func (b *books) ofLocked(name string, t *definition) *book {
	found := b.byName[name]
	if found == nil && len(b.byName) < b.maxNames {
		found = b.open(name)
		b.byName[name] = found
	}
	if found == nil {
		b.folded++
		if b.other == nil {
			b.other = b.open(folded)
		}
		return b.other
	}
	if t != nil {
		found.timeout = max(t.options.Timeout, 0)
	}
	return found
}

func (b *books) open(name string) *book {
	return &book{name: name, success: histogram.New(b.runTimes), failure: histogram.New(b.runTimes)}
}

// know opens the books of the tasks that this process works, so that their series exist from the start.
func (b *books) know(t *definition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ofLocked(t.name, t)
}

func (b *books) accepted(t *definition, isDuplicate bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.ofLocked(t.name, t)
	of.asked++
	if isDuplicate {
		of.outcomes[runner.OutcomeCoalesced]++
	}
}

func (b *books) rejected(t *definition, reason runner.Reason) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.ofLocked(t.name, t)
	of.asked++
	of.outcomes[runner.OutcomeRejected]++
	of.rejections[reason]++
	b.rejections[reason]++
}

func (b *books) observerPanicked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.panics++
}

func (b *books) leaseLost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leasesLost++
}

func (b *books) started(a *attempt) {
	waited := a.started.Sub(a.due)
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.ofLocked(a.name, a.task.defined())
	of.starts++
	of.queueWait += waited
	b.queueWait.Observe(waited)
	b.running[a] = a.started
}

// ended counts that an attempt has run.
func (b *books) ended(a *attempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	started, ran := b.running[a]
	delete(b.running, a)
	if !ran {
		return
	}
	of := b.ofLocked(a.name, a.task.defined())
	took := a.finished.Sub(started)
	b.busy += took
	if a.outcome == runner.OutcomeSuccess {
		of.success.Observe(took)
	} else {
		of.failure.Observe(took)
	}
}

// written counts what the database has made of a task after an attempt. It may be something else than what was asked for: a
// task that Cancel was called for meanwhile has no further attempt.
func (b *books) written(a *attempt, s State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.ofLocked(a.name, a.task.defined())
	switch {
	case s == StateCanceled:
		of.end(runner.OutcomeCanceled, a.finished)
	case s.Ended():
		of.end(a.outcome, a.finished)
	case a.end == endAgain:
		of.retries++
	default:
		of.interrupted++
	}
}

// unwritten counts an attempt whose result the database has not taken.
func (b *books) unwritten(a *attempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ofLocked(a.name, a.task.defined()).interrupted++
}

// canceled counts a task that Cancel has ended before it ran.
func (b *books) canceled(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ofLocked(name, nil).end(runner.OutcomeCanceled, now())
}

// revived counts a task that has ended, and that Retry asks for again.
func (b *books) revived(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ofLocked(name, nil).asked++
}

// end counts the end of a task.
func (b *book) end(o runner.Outcome, at time.Time) {
	b.outcomes[o]++
	switch o {
	case runner.OutcomeSuccess:
		b.lastSuccess = at
	case runner.OutcomeError, runner.OutcomePanic, runner.OutcomeTimeout:
		b.lastFailure = at
	}
}

// returned counts a task that was taken from a dead process. It was its last attempt if o is an outcome.
func (b *books) returned(name string, s State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.ofLocked(name, nil)
	of.rescued++
	switch s {
	case StateDead:
		of.end(runner.OutcomeError, now())
	case StateCanceled:
		of.end(runner.OutcomeCanceled, now())
	}
}

// Counts are what the books of package runner have no place for.
type Counts struct {
	Name        string
	Returned    uint64 // attempts of tasks that were taken from dead processes
	Interrupted uint64 // attempts that ended by Shutdown, or whose result the database refused; they do not count
}

// Counts returns them by name, in the order of the names.
func (q *Queue) Counts() []Counts { return q.core.books.counts() }

func (b *books) counts() []Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Counts
	for _, of := range b.inOrderLocked() {
		all = append(all, Counts{of.name, of.rescued, of.interrupted})
	}
	return all
}

// durableCounts returns them for the metrics.
func (b *books) durableCounts() telemetry.DurableCounts {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := telemetry.DurableCounts{LeasesLost: b.leasesLost}
	for _, of := range b.inOrderLocked() {
		c.Tasks = append(c.Tasks, telemetry.DurableTaskCounts{Name: of.name, Attempts: of.starts, Returned: of.rescued, Interrupted: of.interrupted})
	}
	return c
}

func (b *books) inOrderLocked() []*book {
	all := make([]*book, 0, len(b.byName)+1)
	for _, of := range b.byName {
		all = append(all, of)
	}
	if b.other != nil && b.byName[folded] == nil {
		all = append(all, b.other)
	}
	slices.SortFunc(all, func(x, y *book) int { return cmp.Compare(x.name, y.name) })
	return all
}
