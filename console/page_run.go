package console

import (
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// RunPage is one attempt, with its stack.
type RunPage struct {
	Head

	Run    RunningRun   `json:"run"`
	Live   bool         `json:"live"` // it is under way
	Taken  time.Time    `json:"stack_at,omitzero"`
	Stack  string       `json:"stack,omitempty"`
	Others []OtherStack `json:"others,omitempty"` // goroutines that it, or an earlier run on its worker, has started
	End    *Run         `json:"end,omitempty"`    // how it ended, if that is known
	Group  string       `json:"group,omitempty"`  // of its failure
	IsAt   *Frame       `json:"at,omitempty"`
}

// run is the page of an attempt. look has its stack taken, if it is under way.
func (c *Console) run(q query, look bool) (view, int) {
	var s *source
	for _, one := range c.list() {
		if one.name == q.Runner {
			s = one
		}
	}
	if s == nil || s.runner == nil {
		return nil, notFound
	}
	v := &RunPage{}
	now := time.Now()
	run, live := findRun(s.runner, q.ID)
	if live {
		v.Run, v.Live = s.runningRun(run, now), true
		if look {
			c.captureStack(s, run, v.Run)
		}
	}
	taken := c.captures.get(s.name, q.ID)
	switch {
	case taken != nil:
		v.Taken, v.Stack, v.Others = taken.taken, taken.stack, taken.others
		if !live {
			v.Run = taken.run
			v.End, v.Group = c.endOf(taken)
		}
		if f, ok := usersFrame(parseStack(v.Stack)); ok {
			v.IsAt = &f
		}
	case !live:
		return nil, notFound
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.Head = c.newHeadLocked("run", q)
	return v, 0
}

// captureStack takes the stack of an attempt and keeps it.
func (c *Console) captureStack(s *source, run runner.Run, shown RunningRun) {
	k := c.looker.look()
	if k.at.Before(run.Started) {
		return // the look is older than the attempt
	}
	taken := &capture{run: shown, started: run.Started, taken: k.at}
	own, others := k.of(run.Worker, run.Name)
	if own != nil {
		taken.stack = own.text()
	}
	for i := range others {
		taken.others = append(taken.others, OtherStack{others[i].count, others[i].text(), others[i].isPooled()})
	}
	if before := c.captures.get(s.name, run.ID); taken.stack == "" && before != nil {
		return
	}
	c.captures.keep(s.name, run.ID, taken)
}

// sameMoment is how much two readings of the same moment may differ.
const sameMoment = time.Millisecond

// endOf finds out how an attempt ended, among the failures and the recent runs.
func (c *Console) endOf(taken *capture) (end *Run, group string) {
	isIt := func(r *Run) bool {
		return r.Runner == taken.run.Runner && r.Callback == taken.run.Callback && r.Ref == taken.run.Ref && r.Attempt == taken.run.Attempt &&
			r.Outcome != outcomeStuck && r.Started.Sub(taken.started).Abs() < sameMoment
	}
	for _, g := range c.failures.list(func(g *FailureGroup) bool { return g.Runner == taken.run.Runner }) {
		g, _ = c.failures.get(g.ID)
		for i := range g.Samples {
			if isIt(&g.Samples[i]) {
				return &g.Samples[i], g.ID
			}
		}
	}
	for _, r := range c.runs.of(taken.run.Runner, taken.run.Callback) {
		if isIt(&r) {
			return &r, ""
		}
	}
	return nil, ""
}

func (v *RunPage) text(w *textWriter) {
	w.title(v.Run.Callback + " " + v.Run.Ref)
	switch {
	case v.Live:
		w.line("It has run for %v of %s, attempt %d.", v.Run.Age, timeout(v.Run.Timeout), v.Run.Attempt)
	case v.End != nil:
		w.line("It has ended: %s after %v. %s", v.End.Outcome, v.End.Ran, v.End.Error)
	default:
		w.line("It has ended since its stack was taken.")
	}
	w.line("Request: %s. Trace: %s.", requestText(v.Run.Request), or(v.Run.TraceID))
	if !v.Taken.IsZero() {
		w.title("Its stack at " + v.Taken.Format(time.RFC3339))
		w.block(v.Stack)
	}
	for _, o := range v.Others {
		w.title(things(o.Count, "other goroutine") + " with its labels")
		w.block(o.Stack)
	}
}
