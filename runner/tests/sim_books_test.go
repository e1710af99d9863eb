package tests

import (
	"errors"
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
)

// books is what the model counts. Snapshot must have the same.
type books struct {
	total       simBook
	byName      map[string]*simBook
	folded      uint64
	firstFolded *job // as the observers are told; nil: none

	waits, delays simTimes
}

// simBook is what the model counts of a name, or of all.
type simBook struct {
	asked      uint64
	outcomes   runner.Outcomes
	rejections runner.Rejections
	retries    uint64

	success, failure, waits  simTimes
	lastSuccess, lastFailure time.Time

	timeout time.Duration // of the callback asked for last
	askedAt time.Time     // that one
	unsure  bool          // others at the same instant have another timeout

	folds, counts bool // callbacks are folded into it, or have its name
}

// simTimes is what the model knows of a histogram.
type simTimes struct {
	n   uint64
	sum time.Duration
}

func (t *simTimes) add(d time.Duration) {
	t.n++
	t.sum += d
}

func (t simTimes) fits(s histogram.Snapshot) bool {
	return s.Count() == t.n && s.Sum() == uint64(t.sum)
}

// foldedName is the name under which those beyond Config.MaxNames are counted.
const foldedName = "other"

func (b *books) of(j *job) *simBook {
	name := j.spec.name
	if j.folded {
		name = foldedName
	}
	if b.byName == nil {
		b.byName = map[string]*simBook{}
	}
	if b.byName[name] == nil {
		b.byName[name] = &simBook{}
	}
	return b.byName[name]
}

// bookAsked counts that the observers see j for the first time. mu is held.
func (m *model) bookAsked(j *job, info runner.Callback) {
	j.folded = info.Folded
	b := m.books.of(j)
	b.asked++
	m.books.total.asked++
	if j.folded {
		m.books.folded++
		b.folds = true
		return
	}
	b.counts = true
	now, timeout := time.Now(), m.timeoutOf(j)
	m.require(info.Timeout == timeout, "event", "%v has the timeout %v, not %v", j, info.Timeout, timeout)
	b.unsure = b.askedAt.Equal(now) && (b.unsure || b.timeout != timeout)
	b.timeout, b.askedAt = timeout, now
}

// bookRejected counts the reason. mu is held.
func (m *model) bookRejected(j *job, why runner.Reason) {
	for _, b := range []*simBook{m.books.of(j), &m.books.total} {
		b.outcomes[runner.OutcomeRejected]++
		b.rejections[why]++
	}
}

// bookStart counts the start of an attempt. mu is held.
func (m *model) bookStart(j *job, info runner.StartedInfo) {
	m.require(info.Folded == j.folded, "folding", "%v is folded: %t", j, info.Folded)
	if j.inCaller {
		m.require(info.QueueWait() == 0 || m.slow, "event", "%v has waited %v in Do", j, info.QueueWait())
		return
	}
	m.books.waits.add(info.QueueWait())
	m.books.of(j).waits.add(info.QueueWait())
	if info.AskedAfter && info.Attempt == 1 {
		m.books.delays.add(info.ResponseDelay())
	}
}

// bookRetry counts an attempt that another one will follow. mu is held.
func (m *model) bookRetry(j *job, info runner.RetriedInfo) {
	for _, b := range []*simBook{m.books.of(j), &m.books.total} {
		b.retries++
		b.failure.add(info.Duration())
	}
}

// bookEnd counts an end. mu is held.
func (m *model) bookEnd(j *job, was phase, info runner.FinishedInfo) {
	m.lastEnd = time.Now()
	if errors.Is(info.Err, runner.ErrEvicted) && m.inLine(j) && !j.open && !m.slow {
		m.evicted = append(m.evicted, j)
	}
	for _, b := range []*simBook{m.books.of(j), &m.books.total} {
		b.outcomes[info.Outcome]++
		switch info.Outcome {
		case runner.OutcomeSuccess:
			b.lastSuccess = later(b.lastSuccess, info.Finished)
		case runner.OutcomeError, runner.OutcomePanic, runner.OutcomeTimeout:
			b.lastFailure = later(b.lastFailure, info.Finished)
		}
		switch {
		case was != started:
		case info.Outcome == runner.OutcomeSuccess:
			b.success.add(info.Duration())
		default:
			b.failure.add(info.Duration())
		}
	}
}

// checkBooks holds a snapshot against the model's books, name by name. c is where
// the model believes the jobs to be. mu is held.
func (m *model) checkBooks(s runner.Snapshot, c tally) {
	t := &m.books.total
	m.require(s.Outcomes == t.outcomes && s.Rejections == t.rejections && s.Retries == t.retries, "books count",
		"Stats has %v, %v, %d retries, the observers saw %v, %v, %d", s.Outcomes, s.Rejections, s.Retries, t.outcomes, t.rejections, t.retries)
	m.require(s.ObserverPanics == m.panicked, "observers' panics", "%d are counted, of %d", s.ObserverPanics, m.panicked)
	m.require(m.books.waits.fits(s.QueueWait) && m.books.delays.fits(s.ResponseDelay), "times are counted", "queue waits %d, %d ns; delays %d, %d ns; the model: %v, %v",
		s.QueueWait.Count(), s.QueueWait.Sum(), s.ResponseDelay.Count(), s.ResponseDelay.Sum(), m.books.waits, m.books.delays)
	m.checkFolding(s)
	seen := 0
	for i := range s.Callbacks {
		got := &s.Callbacks[i]
		b := m.books.byName[got.Name]
		if b == nil {
			b = new(simBook)
		} else {
			seen++
		}
		m.checkBook(got, b, c.byName[got.Name])
	}
	m.require(seen == len(m.books.byName), "books by name", "%d of %d names are there", seen, len(m.books.byName))
}

// checkBook holds what is counted of one name. mu is held.
func (m *model) checkBook(got *runner.CallbackStats, b *simBook, at places) {
	m.require(got.Asked == b.asked && got.Outcomes == b.outcomes && got.Rejections == b.rejections && got.Retries == b.retries, "books by name",
		"%q: %d asked, %v, %v, %d retries; the model: %d, %v, %v, %d", got.Name, got.Asked, got.Outcomes, got.Rejections, got.Retries, b.asked, b.outcomes, b.rejections, b.retries)
	if m.slow { // a pause begins when Retried has been observed
		at.queued, at.paused = at.queued+at.paused-got.Paused, got.Paused
	}
	m.require(places{got.Reserved, got.Queued, got.Paused, got.Running, got.Stuck} == at, "books by name",
		"%q: %d reserved, %d queued, %d paused, %d running, %d stuck; the model: %+v", got.Name, got.Reserved, got.Queued, got.Paused, got.Running, got.Stuck, at)
	m.require(b.success.fits(got.Success) && b.failure.fits(got.Failure), "times are counted", "%q: %d, %d ns and %d, %d ns; the model: %v, %v",
		got.Name, got.Success.Count(), got.Success.Sum(), got.Failure.Count(), got.Failure.Sum(), b.success, b.failure)
	m.require(got.Starts == b.waits.n && got.QueueWait == b.waits.sum, "times are counted", "%q: %d starts, %v waited; the model: %v", got.Name, got.Starts, got.QueueWait, b.waits)
	m.require(got.LastSuccess.Equal(b.lastSuccess) && got.LastFailure.Equal(b.lastFailure), "last ends", "%q: %v, %v; the model: %v, %v",
		got.Name, got.LastSuccess, got.LastFailure, b.lastSuccess, b.lastFailure)
	m.require(m.slow || b.unsure || got.Timeout == b.timeout, "books by name", "%q has the timeout %v, not %v", got.Name, got.Timeout, b.timeout)
}

// checkFolding holds that names are folded from the first that is too many. mu
// is held.
func (m *model) checkFolding(s runner.Snapshot) {
	m.require(s.Folded == m.books.folded, "folding", "%d are folded, the observers saw %d", s.Folded, m.books.folded)
	m.require((m.books.folded > 0) == (m.books.firstFolded != nil), "folding", "%d are folded, Folded was called for %v", m.books.folded, m.books.firstFolded)
	apart := map[string]bool{}
	for name := range m.cfg.Limits {
		apart[name] = true
	}
	for _, name := range m.cfg.Names {
		apart[name] = true
	}
	declared := len(apart)
	for name, b := range m.books.byName {
		if b.counts {
			apart[name] = true
		}
	}
	most := max(m.cfg.MaxNames, declared)
	least := len(apart)
	if apart[foldedName] { // those beyond may have this name
		least--
	}
	m.require(least <= most && (m.books.folded == 0 || len(apart)+m.waitingNames() >= most), "folding", "%d names are counted apart, %d may be, and %d callbacks are folded", len(apart), most, m.books.folded)
	for _, j := range m.live {
		m.require(!j.folded || !apart[j.spec.name], "folding", "%v is folded, and its name is not", j)
	}
}

// waitingNames is how many names there may be that wait for places and are not
// counted before they have an answer. mu is held.
func (m *model) waitingNames() int {
	names := map[string]bool{}
	for _, j := range m.live {
		if j.phase == wanted {
			names[j.spec.name] = true
		}
	}
	return len(names)
}

// unbalanced says in what a snapshot does not balance, whatever happens
// meanwhile; nothing if it does.
func unbalanced(s runner.Snapshot) string {
	var sum runner.Stats
	var starts, waited uint64
	for i := range s.Callbacks {
		c := &s.Callbacks[i]
		starts, waited = starts+c.Starts, waited+uint64(c.QueueWait)
		if got := c.Outcomes.Total() + uint64(c.Reserved+c.Queued+c.Running+c.Paused); got != c.Asked {
			return fmt.Sprintf("%q: %d asked, %d accounted for: %+v", c.Name, c.Asked, got, c)
		}
		ran := c.Retries + c.Outcomes[runner.OutcomeError] + c.Outcomes[runner.OutcomePanic] + c.Outcomes[runner.OutcomeTimeout] + c.Outcomes[runner.OutcomeCanceled] + c.Outcomes[runner.OutcomeAbandoned]
		if c.Success.Count() != c.Outcomes[runner.OutcomeSuccess] || c.Failure.Count() > ran || c.Failure.Count() < c.Retries {
			return fmt.Sprintf("%q: %d run times of successes, %d of failures: %+v", c.Name, c.Success.Count(), c.Failure.Count(), c)
		}
		if c.Rejections.Total() != c.Outcomes[runner.OutcomeRejected] || c.Stuck > c.Running || min(c.Reserved, c.Queued, c.Running, c.Paused, c.Stuck) < 0 {
			return fmt.Sprintf("%q: %+v", c.Name, c)
		}
		for kind, n := range c.Places {
			sum.Places[kind].Taken += n
		}
		sum.Asked += c.Asked
		sum.Reserved, sum.Queued, sum.Running, sum.Paused, sum.Stuck = sum.Reserved+c.Reserved, sum.Queued+c.Queued, sum.Running+c.Running, sum.Paused+c.Paused, sum.Stuck+c.Stuck
		sum.Retries += c.Retries
		for o, n := range c.Outcomes {
			sum.Outcomes[o] += n
		}
		for why, n := range c.Rejections {
			sum.Rejections[why] += n
		}
	}
	if starts != s.QueueWait.Count() || waited != s.QueueWait.Sum() {
		return fmt.Sprintf("the names have %d starts after %d ns, all %d after %d ns", starts, waited, s.QueueWait.Count(), s.QueueWait.Sum())
	}
	total := runner.Stats{Asked: s.Asked, Reserved: s.Reserved, Queued: s.Queued, Running: s.Running, Paused: s.Paused, Stuck: s.Stuck, Retries: s.Retries, Outcomes: s.Outcomes, Rejections: s.Rejections}
	for kind, p := range s.Places {
		total.Places[kind].Taken = p.Taken
	}
	if total != sum {
		return fmt.Sprintf("the names have %+v, all %+v", sum, total)
	}
	if s.Busy > s.Workers || s.Depth < 0 || s.HighWater < s.Depth || s.Replaced > s.Stuck || s.Busy+s.Replaced > s.Running {
		return fmt.Sprintf("out of bounds: %+v", s.Stats)
	}
	return ""
}

// fellBack says which figure has become less from one snapshot to the next, and
// must not.
func fellBack(from, to runner.Snapshot) string {
	for o, n := range from.Outcomes {
		if to.Outcomes[o] < n {
			return fmt.Sprintf("%v: from %d to %d", runner.Outcome(o), n, to.Outcomes[o])
		}
	}
	if to.Asked < from.Asked || to.Retries < from.Retries || to.BusyTime < from.BusyTime || to.QueueWait.Count() < from.QueueWait.Count() || len(to.Callbacks) < len(from.Callbacks) {
		return fmt.Sprintf("from %+v to %+v", from.Stats, to.Stats)
	}
	return ""
}

// watch takes snapshots in the middle of what happens.
func (w *world) watch(quit <-chan struct{}) {
	var last runner.Snapshot
	for {
		select {
		case <-quit:
			return
		case <-w.pokes:
		}
		s := w.runner.Snapshot()
		w.mu.Lock()
		w.require(unbalanced(s) == "", "books balance", "%s", unbalanced(s))
		w.require(fellBack(last, s) == "", "counters grow", "%s", fellBack(last, s))
		w.mu.Unlock()
		last = s
	}
}

// poke has the watcher take a snapshot, if there is one.
func (m *model) poke() {
	select {
	case m.pokes <- struct{}{}:
	default:
	}
}
