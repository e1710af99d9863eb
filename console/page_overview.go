package console

import (
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Overview is the first page.
type Overview struct {
	Head

	Verdicts  []Verdict     `json:"verdicts"`
	Runners   []RunnerRow   `json:"runners"`
	Callbacks []CallbackRow `json:"callbacks"`
	Durable   []DurableRow  `json:"durable,omitempty"`

	Chart *Chart `json:"-"`
}

// DurableRow is a durable queue on the overview.
type DurableRow struct {
	Name    string         `json:"name"`
	At      time.Time      `json:"at,omitzero"`
	Problem string         `json:"problem,omitempty"`
	Queues  []DurableQueue `json:"queues"`
}

func (c *Console) overview(q query, asked bool) (view, int) {
	var durables []DurableRow
	for _, d := range c.durables {
		s := d.look(asked)
		durables = append(durables, DurableRow{Name: d.Name, At: s.At, Problem: s.Problem, Queues: cleanQueues(s.Queues)})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v := &Overview{Head: c.newHeadLocked("overview", q), Durable: durables}
	v.Verdicts = v.verdicts
	for _, s := range c.sources {
		v.Runners = append(v.Runners, c.runnerRowLocked(s))
		if s.now == nil || !is(q.Runner, s.name) {
			continue
		}
		for _, row := range c.callbackRowsLocked(s) {
			if q.matches(row.Name, row.Runner, row.LastError) {
				v.Callbacks = append(v.Callbacks, row)
			}
		}
		if v.Chart == nil {
			v.Chart = s.chart(q.Range)
		}
	}
	sortRows(v.Callbacks, q.Sort)
	return v, 0
}

func (v *Overview) text(w *textWriter) {
	w.verdicts(v.Verdicts)
	w.title("Runners")
	w.row("NAME", "STATE", "BUSY", "QUEUED", "RESERVED", "HELD", "PAUSED", "ASKED", "FAILED 5M", "DELAY P99", "WAIT P99", "RUN P99", "STUCK")
	for _, r := range v.Runners {
		cells := []any{r.Name, r.State, of(r.Busy, r.Workers)}
		for _, kind := range []int{0, 1, 2, 3} {
			if kind < len(r.Places) {
				cells = append(cells, of(r.Places[kind].Taken, r.Places[kind].Limit))
			} else {
				cells = append(cells, "-")
			}
		}
		w.row(append(cells, rate(r.Asked), count(r.Failed), r.Delay.P99, r.Wait.P99, r.Run.P99, r.Stuck)...)
	}
	w.title("Callbacks")
	w.callbacks(v.Callbacks, v.Several)
	for _, d := range v.Durable {
		w.durable(d)
	}
}

// count notes what is counted since the start.
func (v *CallbackPage) count(cb *runner.CallbackStats) {
	for outcome, n := range cb.Outcomes {
		v.Outcomes[runner.Outcome(outcome).String()] = n
	}
	for reason, n := range cb.Rejections {
		if n > 0 {
			v.Rejected[runner.Reason(reason).String()] = n
		}
	}
	for kind, taken := range cb.Places {
		v.Places = append(v.Places, Places{Kind: runner.Place(kind).String(), Taken: taken})
	}
}

// CallbackPage is the page of a name.
type CallbackPage struct {
	Head

	Callback CallbackRow       `json:"callback"`
	Outcomes map[string]uint64 `json:"outcomes"` // since the start
	Rejected map[string]uint64 `json:"rejected,omitempty"`
	Places   []Places          `json:"places"` // without a limit: that is the runner's
	Function *Frame            `json:"function,omitempty"`
	Verdicts []Verdict         `json:"verdicts"`
	Groups   []FailureGroup    `json:"failures"`
	Recent   []Run             `json:"recent"` // at most ten a second are kept
	Observed bool              `json:"observed"`

	Chart *Chart `json:"-"`
}

func (c *Console) callback(q query) (view, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.findLocked(q.Runner)
	if s == nil || s.now == nil {
		return nil, notFound
	}
	v := &CallbackPage{Head: c.newHeadLocked("callback", q), Outcomes: make(map[string]uint64), Rejected: make(map[string]uint64), Observed: s.observed}
	found := false
	for _, row := range c.callbackRowsLocked(s) {
		if row.Name == q.Callback {
			v.Callback, found = row, true
		}
	}
	if !found {
		return nil, notFound
	}
	for i := range s.now.Callbacks {
		cb := &s.now.Callbacks[i]
		if clean(cb.Name, maxName) != q.Callback {
			continue
		}
		v.count(cb)
		v.Chart = s.nameChart(cb, q.Range)
	}
	for _, verdict := range v.verdicts {
		if verdict.Runner == s.name && verdict.Callback == q.Callback {
			v.Verdicts = append(v.Verdicts, verdict)
		}
	}
	v.Groups = c.failures.list(func(g *FailureGroup) bool { return g.Runner == s.name && g.Callback == q.Callback })
	v.Recent = c.runs.of(s.name, q.Callback)
	for i := range v.Recent {
		if v.Recent[i].Function != nil {
			v.Function = v.Recent[i].Function
			break
		}
	}
	return v, 0
}

func (v *CallbackPage) text(w *textWriter) {
	w.verdicts(v.Verdicts)
	w.title("Callback " + v.Callback.Name)
	w.callbacks([]CallbackRow{v.Callback}, v.Several)
	if v.Function != nil {
		w.line("Function: %s (%s:%d)", v.Function.Func, v.Function.File, v.Function.Line)
	}
	w.line("Since the start: %s", wordsOf(v.Outcomes))
	w.title("Failures")
	w.groups(v.Groups, v.Now)
	w.title("Recent runs")
	w.runs(v.Recent, v.Now)
}
