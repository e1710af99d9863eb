package runner

import (
	"fmt"
	"strings"
	"time"
)

// Report says what a drain did. Pending == Completed + len(Lost).
type Report struct {
	Runner    string
	Started   time.Time
	Duration  time.Duration
	Pending   int    // accepted and not ended when the drain began, and what these have asked for since
	Completed int    // of those, came to their own end, well or badly
	Lost      []Lost // of those, did not: canceled, dropped or abandoned
}

// Lost is a callback that a drain kept from coming to its own end.
type Lost struct {
	Name    string
	Ref     string        // as the option Ref gave it; empty: none
	Outcome Outcome       // OutcomeCanceled, OutcomeDropped or OutcomeAbandoned
	Age     time.Duration // from being asked for to being given up
	Ran     time.Duration // from its start to being given up; 0 if it had not started, or was between two attempts
	TraceID string        // as Observer.TraceID names it; empty: none
	Stack   string        // of an abandoned one: where it hung when it was canceled
}

// String returns the report in words: one line, then one line for each name and
// outcome that was lost. What that says beyond their number is of the oldest: its
// reference, the function that it hangs in, and its trace, if known.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "runner %s drained in %v: %d of %d pending callbacks completed",
		r.Runner, r.Duration.Round(time.Millisecond), r.Completed, r.Pending)
	if len(r.Lost) == 0 {
		b.WriteString(", nothing lost")
		return b.String()
	}
	fmt.Fprintf(&b, ", %d lost:", len(r.Lost))
	for _, g := range groupLost(r.Lost) {
		fmt.Fprintf(&b, "\n  %d x %s %s, the oldest asked for %v ago", g.n, g.Name, g.Outcome, g.Age.Round(time.Millisecond))
		if g.Ran > 0 {
			fmt.Fprintf(&b, " and running for %v", g.Ran.Round(time.Millisecond))
		}
		if g.Ref != "" {
			fmt.Fprintf(&b, ", ref %q", g.Ref)
		}
		if where, _, _ := strings.Cut(g.Stack, "\n"); where != "" {
			fmt.Fprintf(&b, ", in %s", where)
		}
		if g.TraceID != "" {
			fmt.Fprintf(&b, ", trace %s", g.TraceID)
		}
	}
	return b.String()
}

type lostGroup struct {
	Lost
	n int
}

// groupLost folds callbacks of one name and outcome, in order of appearance,
// into the first, which is the oldest.
func groupLost(lost []Lost) []lostGroup {
	var groups []lostGroup
	index := make(map[Lost]int)
	for _, l := range lost {
		key := Lost{Name: l.Name, Outcome: l.Outcome}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, lostGroup{Lost: l})
		}
		groups[i].n++
	}
	return groups
}
