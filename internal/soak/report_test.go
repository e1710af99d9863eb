package soak

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

const (
	maxGoroutineGrowth = 5
	maxMemoryGrowth    = 1.10
	maxSlowdown        = 1.2
	// minForMemory is how long a run must be for its memory to be judged.
	minForMemory = 4 * time.Minute
)

// report is what a run has shown.
type report struct {
	length     time.Duration
	load       loadResult
	stats      runner.Stats // at rest
	books      totals
	lost       []runner.Lost
	samples    []sample
	unbalanced int
	goroutines [2]int // before the first server and after the last
}

// sheet is a table with a verdict for each line that can have one.
type sheet struct {
	text     strings.Builder
	tabs     *tabwriter.Writer
	failures []string
}

func newSheet() *sheet {
	s := new(sheet)
	s.tabs = tabwriter.NewWriter(&s.text, 0, 0, 2, ' ', 0)
	return s
}

func (s *sheet) line(what, value string) { fmt.Fprintf(s.tabs, "%s\t%s\t\t\n", what, value) }

// must adds a line with a requirement. One that is not judged is only shown.
func (s *sheet) must(what, value, requirement string, ok, judged bool) {
	verdict := "ok"
	switch {
	case !ok && judged:
		verdict = "FAILED"
		s.failures = append(s.failures, fmt.Sprintf("%s: %s; required: %s", what, value, requirement))
	case !ok:
		verdict = "not met (not judged)"
	case !judged:
		verdict = "met (not judged)"
	}
	fmt.Fprintf(s.tabs, "%s\t%s\t%s\t%s\n", what, value, requirement, verdict)
}

// judge returns the report as a table, and what it fails on.
func (r *report) judge(strict bool) (table string, failures []string) {
	s := newSheet()
	s.line("length", fmt.Sprintf("%v, %d cycles", r.length, len(r.load.Cycles)))
	s.must("requests", fmt.Sprintf("%d, %d failed %s", r.load.Requests, r.load.Failed, r.load.FirstError), "none failed", r.load.Failed == 0 && r.load.Requests > 0, true)
	r.judgeBooks(s)
	r.judgeHanging(s)
	r.judgeProcess(s)
	r.judgeTimes(s, strict)
	_ = s.tabs.Flush() // a strings.Builder does not fail
	return s.text.String(), s.failures
}

func (r *report) judgeBooks(s *sheet) {
	b, st := &r.books, &r.stats
	s.line("callbacks asked for", fmt.Sprint(st.Asked))
	for o, n := range st.Outcomes {
		share := 100 * float64(n) / float64(max(st.Asked, 1))
		s.line("  "+runner.Outcome(o).String(), fmt.Sprintf("%d (%.1f %%)", n, share))
	}
	for _, reason := range slices.Sorted(maps.Keys(b.Reasons)) {
		s.line("  rejected: "+reason.String(), fmt.Sprint(b.Reasons[reason]))
	}
	s.line("attempts repeated", fmt.Sprint(b.Retried))
	s.must("asked = sum of outcomes, at rest", fmt.Sprintf("%d = %d", st.Asked, st.Outcomes.Total()), "equal", st.Asked == st.Outcomes.Total(), true)
	s.must("asked = outcomes + pending, in motion", fmt.Sprintf("%d of %d snapshots off", r.unbalanced, len(r.samples)), "none", r.unbalanced == 0, true)
	s.must("accepted, by After's answer and observed", fmt.Sprintf("%d, %d", b.Taken, b.Accepted), "equal", b.Taken == b.Accepted, true)
	s.must("rejected, by After's answer and observed", fmt.Sprintf("%d, %d", b.NotTaken, b.Rejected), "equal", b.NotTaken == b.Rejected, true)
	s.must("accepted, and finished exactly once", fmt.Sprintf("%d, %d, %d twice", b.Accepted, b.Finished, b.Twice), "equal", b.Accepted == b.Finished && b.Twice == 0, true)
	observed := b.Outcomes
	observed[runner.OutcomeRejected] = b.Rejected
	s.must("outcomes observed = outcomes counted", fmt.Sprintf("%d, %d", observed.Total(), st.Outcomes.Total()), "equal, each", observed == st.Outcomes, true)
	s.must("lost by the drain", fmt.Sprint(len(r.lost)), "none", len(r.lost) == 0, true)
	s.must("panics of observers", fmt.Sprint(st.ObserverPanics), "none", st.ObserverPanics == 0, true)
}

func (r *report) judgeHanging(s *sheet) {
	b := &r.books
	s.must("hanging: accepted, found by Stuck, ended", fmt.Sprintf("%d, %d, %d", b.HangsTaken, b.HangsFound, b.HangsEnded), "equal, not 0",
		b.HangsTaken > 0 && b.HangsTaken == b.HangsFound && b.HangsFound == b.HangsEnded, true)
	s.must("found without the stack they hang on", fmt.Sprint(b.WithoutStack), "none", b.WithoutStack == 0, true)
	s.line("others found stuck", fmt.Sprint(b.OthersFound))
	s.must("stuck at the end", fmt.Sprintf("%d, %d workers replaced", r.stats.Stuck, r.stats.Replaced), "none", r.stats.Stuck+r.stats.Replaced == 0, true)
}

func (r *report) judgeProcess(s *sheet) {
	grown := r.goroutines[1] - r.goroutines[0]
	s.must("goroutines at start and end", fmt.Sprintf("%d, %d", r.goroutines[0], r.goroutines[1]), fmt.Sprintf("within %d", maxGoroutineGrowth), grown <= maxGoroutineGrowth, true)
	peak := 0
	for _, x := range r.samples {
		peak = max(peak, x.goroutines)
	}
	s.line("goroutines at the most", fmt.Sprint(peak))

	early, late := "second minute", "last two minutes"
	from, to, tail := time.Minute, 2*time.Minute, r.length-2*time.Minute
	if r.length < minForMemory {
		early, late = "second tenth", "last fifth"
		from, to, tail = r.length/10, r.length/5, r.length*4/5
	}
	figures := func(figure func(sample) int64) (first, last int64) {
		return mean(r.samples, from, to, figure), mean(r.samples, tail, r.length, figure)
	}
	connections, connectionsLater := figures(func(s sample) int64 { return s.connections })
	s.line("connections, "+early+" and "+late, fmt.Sprintf("%d, %d", connections, connectionsLater))
	live, liveLater := figures(func(s sample) int64 { return s.live })
	s.line("live heap, "+early+" and "+late, fmt.Sprintf("%s, %s", megabytes(live), megabytes(liveLater)))
	first, last := figures(func(s sample) int64 { return s.rss })
	growth := ratio(float64(last), float64(first))
	s.line("RSS, mean of the "+early, megabytes(first))
	s.must("RSS, mean of the "+late, fmt.Sprintf("%s (%.2f x)", megabytes(last), growth), fmt.Sprintf("%.2f x", maxMemoryGrowth),
		growth <= maxMemoryGrowth, r.length >= minForMemory && first > 0)
}

func (r *report) judgeTimes(s *sheet, strict bool) {
	var all cycleResult
	var ratios []float64
	for _, c := range r.load.Cycles {
		for i := range c {
			all[i].merge(&c[i])
		}
		ratios = append(ratios, ratio(float64(c[0].quantile(0.99)), float64(c[1].quantile(0.99))))
	}
	slices.Sort(ratios)
	for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
		busy, idle := all[0].quantile(q), all[1].quantile(q)
		what := fmt.Sprintf("response p%g, busy and idle", 100*q)
		value := fmt.Sprintf("%v, %v (%.2f x)", busy.Round(10*time.Microsecond), idle.Round(10*time.Microsecond), ratio(float64(busy), float64(idle)))
		if q == 0.99 {
			s.must(what, value, fmt.Sprintf("%.1f x", maxSlowdown), ratio(float64(busy), float64(idle)) <= maxSlowdown, strict)
		} else {
			s.line(what, value)
		}
	}
	if len(ratios) > 0 {
		s.line("p99 ratio by cycle: lowest, median, highest", fmt.Sprintf("%.2f, %.2f, %.2f", ratios[0], ratios[len(ratios)/2], ratios[len(ratios)-1]))
	}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func namesHang(stack string) bool { return strings.Contains(stack, "soak.hang\n") }
