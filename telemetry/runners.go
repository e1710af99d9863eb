package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
)

// runners are the observed runners, whose books are read at each scrape.
type runners struct {
	mu     sync.Mutex
	byName map[string]*observed // guarded by mu, as what it points to is; by runner.Config.Name
}

// observed is a runner, with what the runners that had its name before leave
// behind: counters must not go back when one takes another's place.
type observed struct {
	Books
	opened *timestamppb.Timestamp // the first one of the name
	older  []olderRunner          // before it, and still read
	before runner.Snapshot        // of all others before it

	countsBefore DurableCounts // the same of a queue of durable tasks
}

// olderRunner is a runner whose name another one has now.
type olderRunner struct {
	Books
	ended time.Time // when nothing was seen to be left in it; zero: something is
}

// lingers is how long an older runner is still read when nothing is left in it.
// Its drain, observers that panic and requests that still ask it change its books.
const lingers = time.Minute

// open adds r. A runner of the same name that has been shut down is replaced.
func (rs *runners) open(r Books) error {
	st := r.Stats()
	rs.mu.Lock()
	defer rs.mu.Unlock()
	o := rs.byName[st.Name]
	switch {
	case o == nil:
		rs.byName[st.Name] = &observed{Books: r, opened: timestamppb.Now()}
	case !o.Stats().Closed:
		return fmt.Errorf("telemetry: a runner called %q is observed already and not shut down: give each runner.Config a Name of its own", st.Name)
	case isDurable(o.Books) != isDurable(r):
		return fmt.Errorf("telemetry: %q has been the name of a runner and is that of a queue of durable tasks, or the other way round: give each a Name of its own", st.Name)
	default:
		o.forgetEnded() // here too, in case nobody scrapes
		o.older = append(o.older, olderRunner{Books: o.Books})
		o.Books = r
	}
	return nil
}

// read returns the books of all runners, in the order of their names.
func (rs *runners) read() (all []read) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, o := range rs.byName {
		if !isDurable(o.Books) {
			all = append(all, read{o.read(), o.opened})
		}
	}
	slices.SortFunc(all, func(a, b read) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// read is the books of all runners of a name at one moment.
type read struct {
	runner.Snapshot
	opened *timestamppb.Timestamp
}

// read returns the books of the runner, with what was counted before it.
func (o *observed) read() runner.Snapshot {
	o.forgetEnded()
	total := o.before
	for _, r := range o.older {
		total = sum(total, r.Snapshot())
	}
	return sum(total, o.Snapshot())
}

// forgetEnded keeps only what older runners have counted, of those in which nothing
// has been left for long enough. It goes by their age, because histograms with other
// buckets than a newer runner's are left out.
func (o *observed) forgetEnded() {
	now := time.Now()
	for i := range o.older {
		if r := &o.older[i]; r.ended.IsZero() && r.Stats().Pending() == 0 {
			r.ended = now
		}
	}
	for len(o.older) > 0 && !o.older[0].ended.IsZero() && now.Sub(o.older[0].ended) >= lingers {
		o.before = sum(o.before, o.older[0].Snapshot())
		o.countsBefore = o.countsBefore.add(o.older[0].Books)
		o.older = slices.Delete(o.older, 0, 1)
	}
}

// sum adds what a runner has counted to what an older one of its name has. What is
// no count is the newer one's.
func sum(older, newer runner.Snapshot) runner.Snapshot {
	if older.Name == "" { // there was none
		return newer
	}
	total := newer
	total.Rejections = older.Rejections
	for i, n := range newer.Rejections {
		total.Rejections[i] += n
	}
	total.BusyTime += older.BusyTime
	total.Lost += older.Lost
	total.ObserverPanics += older.ObserverPanics
	total.Folded += older.Folded
	if total.Drain == 0 {
		total.Drain = older.Drain
	}
	total.QueueWait = added(older.QueueWait, newer.QueueWait)
	total.ResponseDelay = added(older.ResponseDelay, newer.ResponseDelay)
	total.Callbacks = slices.Clone(newer.Callbacks)
	for _, cb := range older.Callbacks {
		i, found := slices.BinarySearchFunc(total.Callbacks, cb.Name, func(c runner.CallbackStats, name string) int { return strings.Compare(c.Name, name) })
		if !found {
			total.Callbacks = slices.Insert(total.Callbacks, i, cb)
			continue
		}
		total.Callbacks[i] = sumOf(cb, total.Callbacks[i])
	}
	return total
}

func sumOf(older, newer runner.CallbackStats) runner.CallbackStats {
	total := newer
	total.Asked += older.Asked
	for o, n := range older.Outcomes {
		total.Outcomes[o] += n
	}
	total.Retries += older.Retries
	total.Stuck += older.Stuck
	total.Starts += older.Starts
	total.QueueWait += older.QueueWait
	total.LastSuccess = latest(older.LastSuccess, newer.LastSuccess)
	total.Success, total.Failure = added(older.Success, newer.Success), added(older.Failure, newer.Failure)
	return total
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// added adds two histograms. If their buckets differ, the older one is left out,
// which Prometheus takes for the restart of a process.
func added(older, newer histogram.Snapshot) histogram.Snapshot {
	if total, ok := older.Add(newer); ok {
		return total
	}
	return newer
}
