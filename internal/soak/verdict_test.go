package soak

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// sound returns a report that has nothing to complain of.
func sound() *report {
	r := &report{length: 10 * time.Minute, goroutines: [2]int{2, 2}, load: loadResult{Requests: 200}}
	var c cycleResult
	for range 100 {
		c[0].add(6 * time.Millisecond)
		c[1].add(6 * time.Millisecond)
	}
	r.load.Cycles = []cycleResult{c}
	r.stats.Asked = 5
	r.stats.Outcomes[runner.OutcomeSuccess], r.stats.Outcomes[runner.OutcomeRejected] = 3, 2
	r.books = totals{
		Taken: 3, NotTaken: 2, HangsTaken: 1,
		Accepted: 3, Rejected: 2, Started: 3, Finished: 3, HangsFound: 1, HangsEnded: 1,
	}
	r.books.Outcomes[runner.OutcomeSuccess] = 3
	for s := range 600 {
		r.samples = append(r.samples, sample{at: time.Duration(s) * time.Second, rss: 100 << 20, goroutines: 90})
	}
	return r
}

func TestEachRequirementCanFail(t *testing.T) {
	_, failures := sound().judge(true)
	require.Empty(t, failures)

	for what, spoil := range map[string]func(r *report){
		"requests":            func(r *report) { r.load.Failed = 1 },
		"at rest":             func(r *report) { r.stats.Asked++ },
		"in motion":           func(r *report) { r.unbalanced = 1 },
		"accepted, by After":  func(r *report) { r.books.Taken++ },
		"rejected, by After":  func(r *report) { r.books.NotTaken++ },
		"exactly once":        func(r *report) { r.books.Finished-- },
		"0 twice|1 twice":     func(r *report) { r.books.Twice = 1 },
		"outcomes observed":   func(r *report) { r.books.Outcomes[runner.OutcomeSuccess], r.books.Outcomes[runner.OutcomeError] = 2, 1 },
		"lost by the drain":   func(r *report) { r.lost = make([]runner.Lost, 1) },
		"panics of observers": func(r *report) { r.stats.ObserverPanics = 1 },
		"found by Stuck":      func(r *report) { r.books.HangsFound = 0 },
		"without the stack":   func(r *report) { r.books.WithoutStack = 1 },
		"stuck at the end":    func(r *report) { r.stats.Replaced = 1 },
		"goroutines at start": func(r *report) { r.goroutines[1] = 8 },
		"RSS, mean of the last": func(r *report) {
			for i := range r.samples[480:] {
				r.samples[480+i].rss = 111 << 20
			}
		},
		"response p99": func(r *report) {
			for range 2 {
				r.load.Cycles[0][0].add(8 * time.Millisecond)
			}
		},
	} {
		r := sound()
		spoil(r)
		table, failures := r.judge(true)
		require.Len(t, failures, 1, "%s: %s", what, table)
		require.Regexp(t, what, failures[0])
	}
}

func TestAShortRunIsNotJudgedByItsMemoryNorALaxOneByItsTimes(t *testing.T) {
	r := sound()
	r.length = time.Minute
	for i := range r.samples[30:] {
		r.samples[30+i].rss = 200 << 20
	}
	for range 2 {
		r.load.Cycles[0][0].add(time.Second)
	}
	table, failures := r.judge(false)
	require.Empty(t, failures)
	require.Contains(t, table, "not met (not judged)")
}
