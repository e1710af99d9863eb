package console

import (
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// FailuresPage is the failures in groups.
type FailuresPage struct {
	Head

	Groups   []FailureGroup `json:"groups"`
	Since    time.Time      `json:"since"`                  // the console has looked since then
	Skipped  uint64         `json:"skipped,omitempty"`      // failures in floods, which only the totals have counted
	Max      int            `json:"max_groups"`             // that are kept
	MaxName  int            `json:"max_groups_of_a_name"`   //
	Unseen   []string       `json:"not_observed,omitempty"` // runners without the console's observer
	Outcomes []string       `json:"-"`
}

// failureOutcomes are what a page of failures can be narrowed to.
var failureOutcomes = []string{"error", "panic", "timeout", outcomeStuck, "rejected", "dropped", "canceled", "abandoned"}

func (c *Console) failuresPage(q query) (view, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &FailuresPage{
		Head: c.newHeadLocked("failures", q), Since: c.started, Skipped: c.failures.skipped(), Max: maxGroups, MaxName: maxGroupsOfName,
		Outcomes: failureOutcomes,
	}
	for _, s := range c.sources {
		if !s.observed && s.runner != nil {
			v.Unseen = append(v.Unseen, s.name)
		}
	}
	v.Groups = c.failures.list(func(g *FailureGroup) bool {
		return is(q.Runner, g.Runner) && is(q.Callback, g.Callback) && is(q.Outcome, g.Outcome) &&
			q.matches(g.Callback, g.Error, g.ErrorType, g.Place, g.Reason)
	})
	if q.Sort == "count" {
		slices.SortStableFunc(v.Groups, func(a, b FailureGroup) int { return int(min(b.Count, 1<<30)) - int(min(a.Count, 1<<30)) })
	}
	return v, 0
}

func (v *FailuresPage) text(w *textWriter) {
	w.title("Failures since " + v.Since.Format(time.RFC3339))
	w.groups(v.Groups, v.Now)
	if v.Skipped > 0 {
		w.line("%s more in floods were not looked at.", count(v.Skipped))
	}
}

// FailurePage is a group of failures.
type FailurePage struct {
	Head

	Group FailureGroup `json:"group"`
}

func (c *Console) failure(q query) (view, int) {
	g, ok := c.failures.get(q.ID)
	if !ok {
		return nil, notFound
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &FailurePage{Head: c.newHeadLocked("failure", q), Group: g}, 0
}

func (v *FailurePage) text(w *textWriter) {
	g := &v.Group
	w.title(g.Callback + " " + g.Outcome + " " + g.Reason)
	w.line("%s", g.Error)
	if g.At != nil {
		w.line("At %s:%d in %s", g.At.File, g.At.Line, g.At.Func)
	}
	w.line("%s since %s, the last one %s ago", things(g.Count, "time"), g.First.Format(time.RFC3339), human(v.Now.Sub(g.Last)))
	for _, r := range g.Samples {
		w.title("A sample of " + r.Ended.Format(time.RFC3339))
		w.line("ref %s, attempt %d, ran %v of %s, trace %s, request %s", or(r.Ref), r.Attempt, r.Ran, timeout(r.Timeout), or(r.TraceID), requestText(r.Request))
		w.line("%s: %s", or(r.ErrorType), r.Error)
		w.block(r.Stack)
	}
}

// LeftPage is the goroutines that outlive their callbacks.
type LeftPage struct {
	Head

	Groups  []LeftGroup `json:"groups"`
	Total   int         `json:"total"`              // without those of pools
	Taken   time.Time   `json:"taken"`              // when the stacks were read
	Leaks   bool        `json:"leaks"`              // only those that can never go on
	CanLeak bool        `json:"can_look_for_leaks"` // this version of Go can tell
	Problem string      `json:"problem,omitempty"`
}

// LeftGroup is goroutines of one callback's name that are at the same place.
type LeftGroup struct {
	Runner   string `json:"runner"`
	Callback string `json:"callback"`
	Count    int    `json:"count"`
	Pooled   bool   `json:"pooled"`    // they belong to a pool of connections, which is as it should be
	Own      bool   `json:"abandoned"` // the callback's own: a drain has given it up
	Place    string `json:"place,omitempty"`
	Stack    string `json:"stack"`
}

// leakProfile is the profile of goroutines that can never go on; Go 1.27 has it.
const leakProfile = "goroutineleak"

func (c *Console) left(q query) (view, int) {
	v := &LeftPage{CanLeak: hasProfile(leakProfile), Leaks: q.Leaks}
	k := c.looker.look()
	if q.Leaks {
		k = c.looker.leaks()
	}
	v.Taken = k.at
	v.Problem = said(k.err)
	at := make(map[LeftGroup]int)
	for i := range k.groups {
		g := &k.groups[i]
		if !q.Leaks && !k.leftBehind(g) {
			continue
		}
		l := LeftGroup{Runner: clean(g.runner, maxName), Callback: clean(g.callback, maxName), Pooled: g.isPooled(), Own: g.own, Stack: g.text()}
		if f, ok := usersFrame(g.frames); ok {
			l.Place = f.String()
		}
		if !is(q.Runner, l.Runner) || !is(q.Callback, l.Callback) || !q.matches(l.Callback, l.Stack) {
			continue
		}
		key := l
		if !l.Pooled {
			v.Total += g.count
		}
		if j, ok := at[key]; ok {
			v.Groups[j].Count += g.count
			continue
		}
		l.Count = g.count
		at[key] = len(v.Groups)
		v.Groups = append(v.Groups, l)
	}
	slices.SortStableFunc(v.Groups, func(a, b LeftGroup) int {
		if a.Pooled != b.Pooled {
			if a.Pooled {
				return 1
			}
			return -1
		}
		return b.Count - a.Count
	})
	v.Groups = v.Groups[:min(len(v.Groups), shownRuns)]
	c.mu.Lock()
	defer c.mu.Unlock()
	v.Head = c.newHeadLocked("left", q)
	return v, 0
}

func (v *LeftPage) text(w *textWriter) {
	w.title("Left behind: " + things(v.Total, "goroutine") + " whose callbacks have ended")
	for _, g := range v.Groups {
		kind := ""
		switch {
		case g.Pooled:
			kind = " (of a pool of connections)"
		case g.Own:
			kind = " (given up by a drain)"
		}
		w.line("%d x %s%s in %s", g.Count, g.Callback, kind, or(g.Place))
		w.block(g.Stack)
	}
}

// DrainsPage is how runners were shut down, and what they rejected.
type DrainsPage struct {
	Head

	Drains   []DrainRow     `json:"drains"`
	Refusals []FailureGroup `json:"refusals"`
}

// DrainRow is the drain of a runner, and what the runner has rejected.
type DrainRow struct {
	Runner    string            `json:"runner"`
	State     string            `json:"state"` // "not begun", "under way" or "over"
	Started   time.Time         `json:"started,omitzero"`
	Took      Seconds           `json:"took_seconds,omitempty"`
	Pending   int               `json:"pending"`   // when it began, and what these have asked for since
	Left      int               `json:"left"`      // now
	Completed int               `json:"completed"` // came to their own end
	Lost      []LostRow         `json:"lost,omitempty"`
	LostTotal int               `json:"lost_total"`
	Rejected  map[string]uint64 `json:"rejected,omitempty"` // since the start, by reason
	Dropped   uint64            `json:"dropped,omitempty"`
}

// LostRow is a callback that a drain kept from coming to its own end.
type LostRow struct {
	Callback string  `json:"callback"`
	Ref      string  `json:"ref,omitempty"`
	Outcome  string  `json:"outcome"`
	Age      Seconds `json:"age_seconds"`
	Ran      Seconds `json:"run_seconds"`
	TraceID  string  `json:"trace_id,omitempty"`
	Place    string  `json:"place,omitempty"`
	Stack    string  `json:"stack,omitempty"`
}

func (c *Console) drains(q query) (view, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &DrainsPage{Head: c.newHeadLocked("drains", q)}
	for _, s := range c.sources {
		if s.now != nil && is(q.Runner, s.name) {
			v.Drains = append(v.Drains, s.drainRow())
		}
	}
	v.Refusals = c.failures.list(func(g *FailureGroup) bool {
		return is(q.Runner, g.Runner) && (g.Outcome == "rejected" || g.Outcome == "dropped") && q.matches(g.Callback, g.Reason, g.Place, g.Error)
	})
	return v, 0
}

func (s *source) drainRow() DrainRow {
	row := DrainRow{Runner: s.name, State: "not begun", Rejected: make(map[string]uint64), Dropped: s.now.Outcomes[runner.OutcomeDropped]}
	for reason, n := range s.now.Rejections {
		if n > 0 {
			row.Rejected[runner.Reason(reason).String()] = n
		}
	}
	if !s.now.Closed {
		return row
	}
	row.State, row.Left, row.Started = "under way", s.now.Pending(), s.drainAt
	if s.drain != nil {
		row.Pending = s.drain.Pending()
	}
	if s.now.Drain > 0 {
		row.State, row.Took, row.LostTotal = "over", Seconds(s.now.Drain), s.now.Lost
	}
	if report := s.drained; report != nil {
		row.State, row.Started, row.Took = "over", report.Started, Seconds(report.Duration)
		row.Pending, row.Completed, row.LostTotal = report.Pending, report.Completed, len(report.Lost)
		for _, l := range report.Lost[:min(len(report.Lost), shownRuns)] {
			lost := LostRow{
				Callback: clean(l.Name, maxName), Ref: clean(l.Ref, maxRef), Outcome: l.Outcome.String(), Age: Seconds(l.Age), Ran: Seconds(l.Ran),
				TraceID: clean(l.TraceID, maxName), Stack: cleanLines(l.Stack, maxStack),
			}
			if f, ok := usersFrame(parseStack(lost.Stack)); ok {
				lost.Place = f.String()
			}
			row.Lost = append(row.Lost, lost)
		}
	}
	return row
}

func (v *DrainsPage) text(w *textWriter) {
	w.title("Drains")
	for _, d := range v.Drains {
		w.line("%s: %s, %d pending, %d completed, %d lost, %d left, took %v", d.Runner, d.State, d.Pending, d.Completed, d.LostTotal, d.Left, d.Took)
		if len(d.Rejected) > 0 {
			w.line("  rejected since the start: %s", wordsOf(d.Rejected))
		}
		for _, l := range d.Lost {
			w.line("  %s %s %s, asked for %v ago, ran %v, in %s, trace %s", l.Outcome, l.Callback, or(l.Ref), l.Age, l.Ran, or(l.Place), or(l.TraceID))
		}
	}
	w.title("Refusals")
	w.groups(v.Refusals, v.Now)
}
