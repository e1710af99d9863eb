package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// shownRuns is how many attempts the page of running callbacks lists.
const shownRuns = 200

// RunningPage is what runs now.
type RunningPage struct {
	Head

	Runs     []RunningRun   `json:"runs"` // those that have run longest first
	Total    int            `json:"total"`
	More     bool           `json:"more"`             // there are more than were looked at
	Places   []RunningPlace `json:"places,omitempty"` // where they are; with stacks=1
	TakenAt  time.Time      `json:"stacks_at,omitzero"`
	Captured []RunningRun   `json:"captured,omitempty"` // stacks that were taken before
}

// RunningRun is an attempt that is under way, or was when its stack was taken.
type RunningRun struct {
	ID            string    `json:"id"`
	Runner        string    `json:"runner"`
	Callback      string    `json:"callback"`
	Ref           string    `json:"ref,omitempty"`
	Attempt       int       `json:"attempt"`
	Started       time.Time `json:"started"`
	Age           Seconds   `json:"age_seconds"`
	Timeout       Seconds   `json:"timeout_seconds,omitempty"`
	Late          bool      `json:"late"`  // its deadline has passed
	Stuck         bool      `json:"stuck"` // and it was found to ignore that
	InCaller      bool      `json:"in_caller,omitempty"`
	ResponseDelay Seconds   `json:"response_delay_seconds"`
	QueueWait     Seconds   `json:"queue_wait_seconds"`
	Request       *Request  `json:"request,omitempty"`
	TraceID       string    `json:"trace_id,omitempty"`
	Function      *Frame    `json:"function,omitempty"`
	StackAt       time.Time `json:"stack_at,omitzero"` // when a stack was taken
	Place         string    `json:"place,omitempty"`   // that it was at then
}

// Share is how much of its timeout has passed; 0: it has none.
func (r RunningRun) Share() float64 {
	if r.Timeout == 0 {
		return 0
	}
	return float64(r.Age) / float64(r.Timeout)
}

// RunningPlace is running callbacks of one name that are at the same line.
type RunningPlace struct {
	Count     int    `json:"count"`
	Runner    string `json:"runner"`
	Callback  string `json:"callback"`
	Place     string `json:"place"` // of the user's code
	Innermost string `json:"innermost"`
	Stack     string `json:"stack"`
}

func (s *source) runningRun(run runner.Run, now time.Time) RunningRun {
	r := RunningRun{
		ID: run.ID, Runner: s.name, Callback: clean(run.Name, maxName), Ref: clean(run.Ref, maxRef), Attempt: run.Attempt,
		Started: run.Started, Age: Seconds(now.Sub(run.Started)), Timeout: Seconds(run.Timeout), Stuck: run.Stuck, InCaller: run.InCaller,
		ResponseDelay: Seconds(run.ResponseDelay()), QueueWait: Seconds(run.QueueWait()),
		TraceID: clean(run.TraceID, maxName), Function: functionOfCallback(run.Callback),
	}
	r.Late = run.Timeout > 0 && now.Sub(run.Started) > run.Timeout
	if run.HasRequest {
		r.Request = requestOf(run.Request)
	}
	return r
}

func (c *Console) running(q query) (view, int) {
	v := &RunningPage{}
	now := time.Now()
	for _, s := range c.list() {
		if s.runner == nil || !is(q.Runner, s.name) {
			continue
		}
		runs := s.runner.Running(maxRuns)
		v.More = v.More || len(runs) == maxRuns
		for _, run := range runs {
			r := s.runningRun(run, now)
			if !is(q.Callback, r.Callback) || q.State == "stuck" && !r.Stuck || q.State == "late" && !r.Late {
				continue
			}
			if !q.matches(r.Callback, r.Ref, r.TraceID, routeOf(r.Request)) {
				continue
			}
			if taken := c.captures.get(s.name, r.ID); taken != nil {
				r.StackAt, r.Place = taken.taken, taken.place()
			}
			v.Runs = append(v.Runs, r)
		}
	}
	slices.SortStableFunc(v.Runs, func(a, b RunningRun) int { return cmp.Compare(b.Age, a.Age) })
	v.Total = len(v.Runs)
	if q.Stacks {
		v.addPlaces(c.looker.look(), v.Runs)
	}
	v.Runs = v.Runs[:min(len(v.Runs), shownRuns)]
	for _, taken := range c.captures.list() {
		r := taken.run
		if is(q.Runner, r.Runner) && is(q.Callback, r.Callback) && len(v.Captured) < 20 {
			r.StackAt, r.Place = taken.taken, taken.place()
			v.Captured = append(v.Captured, r)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.Head = c.newHeadLocked("running", q)
	return v, 0
}

func routeOf(r *Request) string {
	if r == nil {
		return ""
	}
	return r.Method + " " + r.Route
}

// addPlaces groups the stacks of runs by the line they are at.
func (v *RunningPage) addPlaces(k *look, runs []RunningRun) {
	v.TakenAt = k.at
	wanted := make(map[nameKey]bool)
	for _, r := range runs {
		wanted[nameKey{r.Runner, r.Callback}] = true
	}
	at := make(map[RunningPlace]int)
	for i := range k.groups {
		g := &k.groups[i]
		name := clean(g.callback, maxName)
		if !g.own || len(g.frames) == 0 || !wanted[nameKey{g.runner, name}] {
			continue
		}
		p := RunningPlace{Runner: g.runner, Callback: name, Innermost: g.frames[0].Func}
		if f, ok := usersFrame(g.frames); ok {
			p.Place = f.String()
		}
		key := p
		if j, ok := at[key]; ok {
			v.Places[j].Count += g.count
			continue
		}
		p.Count, p.Stack = g.count, g.text()
		at[key] = len(v.Places)
		v.Places = append(v.Places, p)
	}
	slices.SortStableFunc(v.Places, func(a, b RunningPlace) int { return cmp.Compare(b.Count, a.Count) })
}

func (c *capture) place() string {
	if f, ok := usersFrame(parseStack(c.stack)); ok {
		return f.String()
	}
	return ""
}

func (v *RunningPage) text(w *textWriter) {
	w.title("Running now: " + things(v.Total, "callback"))
	w.row("CALLBACK", "REF", "AGE", "TIMEOUT", "STATE", "ATTEMPT", "REQUEST", "TRACE", "STACK")
	for _, r := range v.Runs {
		w.row(r.Callback, or(r.Ref), r.Age, timeout(r.Timeout), stateOf(r), r.Attempt, requestText(r.Request), or(r.TraceID), page("run.txt", "runner", r.Runner, "id", r.ID))
	}
	if len(v.Places) > 0 {
		w.title("Where they are")
		for _, p := range v.Places {
			w.line("%d x %s in %s, %s", p.Count, p.Callback, or(p.Place), p.Innermost)
			w.block(p.Stack)
		}
	}
	if len(v.Captured) > 0 {
		w.title("Stacks that were taken")
		for _, r := range v.Captured {
			w.line("%s %s %s: %s", r.StackAt.Format(time.TimeOnly), r.Callback, or(r.Ref), or(r.Place))
		}
	}
}

func stateOf(r RunningRun) string {
	switch {
	case r.Stuck:
		return "hangs"
	case r.Late:
		return "past its deadline"
	default:
		return "runs"
	}
}
