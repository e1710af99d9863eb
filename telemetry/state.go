package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// state reads the watched runners' own figures when they are scraped.
type state struct {
	mu      sync.Mutex
	runners map[string]*watched // guarded by mu, as what they point to is; by runner.Config.Name

	depth, capacity, highWater, oldest  *prometheus.Desc
	workers, busy, busyTime, longestRun *prometheus.Desc
}

// watched is a runner, with what the runners that had its name before leave
// behind: counters must not go back when one takes another's place.
type watched struct {
	*runner.Runner
	draining []*runner.Runner // before it, and not everything of theirs has ended
	busyTime time.Duration    // of all others before it
	panics   uint64           // likewise
}

// settle adds up those before it of which everything has ended.
func (w *watched) settle() {
	w.draining = slices.DeleteFunc(w.draining, func(r *runner.Runner) bool {
		st := r.Stats()
		if st.Asked > st.Outcomes.Total() {
			return false
		}
		w.busyTime += st.BusyTime
		w.panics += st.ObserverPanics
		return true
	})
}

// reading is what is read of a watched runner at one scrape.
type reading struct {
	runner.Stats
	busyTime time.Duration // of all that had its name
	panics   uint64        // likewise
}

func (w *watched) read() reading {
	w.settle()
	st := w.Stats()
	r := reading{Stats: st, busyTime: w.busyTime + st.BusyTime, panics: w.panics + st.ObserverPanics}
	for _, before := range w.draining {
		st := before.Stats()
		r.busyTime += st.BusyTime
		r.panics += st.ObserverPanics
	}
	return r
}

func newState() *state {
	ofRunner := func(name, unit, help string) *prometheus.Desc { return desc(name, unit, help, names.LabelRunner) }
	return &state{
		runners:    make(map[string]*watched),
		depth:      ofRunner(names.MetricQueueDepth, "", "Places of the queue taken now."),
		capacity:   ofRunner(names.MetricQueueCapacity, "", "Places of the queue."),
		highWater:  ofRunner(names.MetricQueueHighWater, "", "Most places of the queue taken at once within the last one to two minutes."),
		oldest:     ofRunner(names.MetricQueueOldest, seconds, "When the longest-waiting callback became due. 0 when none waits."),
		workers:    ofRunner(names.MetricWorkers, "", "Callbacks that may run at once."),
		busy:       ofRunner(names.MetricWorkersBusy, "", "Workers that run a callback."),
		busyTime:   ofRunner(names.MetricWorkerBusyTime, seconds, "Worker time spent on callbacks, those running now included."),
		longestRun: ofRunner(names.MetricLongestRunning, seconds, "Run time so far of the callback that has been running longest. 0 when none runs."),
	}
}

// watch adds r and returns its name.
func (s *state) watch(r *runner.Runner) (string, error) {
	if r == nil {
		return "", errors.New("telemetry: Watch of a nil Runner: call it with what runner.New has returned, once its error is checked")
	}
	st := r.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.runners[st.Name]
	switch {
	case w == nil:
		s.runners[st.Name] = &watched{Runner: r}
	case w.Runner == r:
	case !w.Stats().Closed:
		return "", fmt.Errorf("telemetry: a runner called %q is already watched and not shut down: give each runner.Config a Name of its own", st.Name)
	case st.Closed: // It may have been added up already.
		return "", fmt.Errorf("telemetry: this runner called %q is shut down, and another of that name is watched: call Watch before Shutdown", st.Name)
	default:
		w.draining = append(w.draining, w.Runner)
		w.Runner = r
		w.settle()
	}
	return st.Name, nil
}

func (s *state) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		s.depth, s.capacity, s.highWater, s.oldest, s.workers, s.busy, s.busyTime, s.longestRun,
	} {
		ch <- d
	}
}

// collect sends the figures of every watched runner and returns how many
// panics of observers they have recovered.
func (s *state) collect(ch chan<- prometheus.Metric) (panics uint64) {
	for _, st := range s.all() {
		panics += st.panics
		ofRunner := label(names.LabelRunner, st.Name)
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- newGauge(d, v, ofRunner)
		}
		gauge(s.depth, float64(st.Depth))
		gauge(s.capacity, float64(st.Capacity))
		gauge(s.highWater, float64(st.HighWater))
		gauge(s.workers, float64(st.Workers))
		gauge(s.busy, float64(st.Busy))
		var oldest, longest float64
		if !st.OldestDue.IsZero() {
			oldest = unixSeconds(st.OldestDue)
		}
		if !st.OldestRunning.IsZero() {
			longest = time.Since(st.OldestRunning).Seconds()
		}
		gauge(s.oldest, oldest)
		gauge(s.longestRun, longest)
		ch <- prometheus.MustNewConstMetric(s.busyTime, prometheus.CounterValue, st.busyTime.Seconds(), st.Name)
	}
	return panics
}

// all reads all, so that no lock is held while a scrape is written.
func (s *state) all() []reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]reading, 0, len(s.runners))
	for _, w := range s.runners {
		all = append(all, w.read())
	}
	return all
}
