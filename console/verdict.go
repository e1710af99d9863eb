package console

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Level is how bad a verdict is.
type Level string

// The levels, the worst first. Critical and Warning are those of an alert that has the
// same condition: it fires, or is about to. Watch is a condition that has begun and has
// not lasted as long as the alert wants, or one without an alert.
const (
	Critical Level = "critical"
	Warning  Level = "warning"
	Watch    Level = "watch"
	Note     Level = "note"
	OK       Level = "ok"
)

var levelOrder = map[Level]int{Critical: 0, Warning: 1, Watch: 2, Note: 3, OK: 4}

// Verdict is what is wrong, in words.
type Verdict struct {
	Level    Level  `json:"level"`
	Text     string `json:"text"`
	Why      string `json:"why,omitempty"`
	Do       string `json:"do,omitempty"` // what to do
	Alert    string `json:"alert,omitempty"`
	Runner   string `json:"runner,omitempty"`
	Callback string `json:"callback,omitempty"`

	// Link leads to the page that says more, relative to this one.
	Link     string `json:"link,omitempty"`
	LinkText string `json:"-"`
	Runbook  string `json:"runbook,omitempty"`
}

// judge finds what is wrong with one source. The console's mu is held.
type judge struct {
	c     *Console
	s     *source
	found []Verdict

	blamed string // the callback that burns the budget
}

// level is that of a condition that an alert wants to last for some time.
func level(alert Level, lasted, wanted time.Duration) Level {
	if lasted >= wanted {
		return alert
	}
	return Watch
}

func (j *judge) add(v Verdict) {
	v.Runner = j.s.name
	j.found = append(j.found, j.c.withAlert(v))
}

// withAlert adds what there is to say of the verdict's alert.
func (c *Console) withAlert(v Verdict) Verdict {
	if v.Alert == "" {
		return v
	}
	if c.cfg.RunbookURL != "" {
		v.Runbook = c.cfg.RunbookURL + "#" + strings.ToLower(v.Alert)
	}
	if v.Level == Watch {
		v.Why = strings.TrimSpace(v.Why + " If it lasts, " + v.Alert + " fires.")
	}
	return v
}

// page is a link to a page of the console, with what it is to show.
func page(name string, query ...string) string {
	q := make(url.Values)
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" {
			q.Set(query[i], query[i+1])
		}
	}
	if len(q) == 0 {
		return name
	}
	return name + "?" + q.Encode()
}

// verdictsLocked says what is wrong with all sources, the worst first.
func (c *Console) verdictsLocked() []Verdict {
	at, _ := c.now()
	var all []Verdict
	for _, s := range c.sources {
		j := &judge{c: c, s: s}
		switch {
		case s.problem != "":
			j.add(Verdict{Level: Watch, Text: fmt.Sprintf("%s cannot be read", s.name), Why: s.problem})
		case s.now == nil:
			continue
		case s.ageLocked(at) > staleAfter && !c.closed():
			j.add(Verdict{Level: Watch, Text: fmt.Sprintf("The figures of %s are %s old", s.name, human(s.ageLocked(at)))})
		}
		all = append(append(all, j.found...), s.verdicts...)
	}
	for _, d := range c.durables {
		all = append(all, d.verdicts()...)
	}
	slices.SortStableFunc(all, func(a, b Verdict) int { return cmp.Compare(levelOrder[a.Level], levelOrder[b.Level]) })
	return all
}

// judgeLocked finds what is wrong with a source, for each of its snapshots: what must last
// is counted, whether somebody looks or not.
func (c *Console) judgeLocked(s *source) {
	j := &judge{c: c, s: s}
	j.all()
	s.verdicts = j.found
}

func (j *judge) all() {
	j.drain()
	j.hanging()
	j.queue()
	j.workers()
	j.places()
	j.loss()
	j.budgets()
	j.callbacks()
	j.rest()
}

func (j *judge) drain() {
	s := j.s
	switch {
	case s.drained != nil && len(s.drained.Lost) > 0:
		j.add(Verdict{
			Level: Warning, Alert: "AfterglowShutdownLostWork",
			Text: fmt.Sprintf("The shutdown of %s lost %s", s.name, things(len(s.drained.Lost), "callback")),
			Do:   "Look what they were, and run them again by hand. Give Shutdown more time, or the callbacks shorter timeouts.",
			Link: "drains", LinkText: "What was lost",
		})
	case s.now.Closed && s.now.Pending() > 0:
		j.add(Verdict{
			Level: Note, Text: fmt.Sprintf("%s drains: %s left", s.name, things(s.now.Pending(), "callback")),
			Link: "drains", LinkText: "The drain",
		})
	case s.now.Closed:
		j.add(Verdict{Level: Note, Text: s.name + " was shut down, and nothing was lost", Link: "drains", LinkText: "The drain"})
	}
}

// hanging tells of callbacks that ignore their deadlines.
func (j *judge) hanging() {
	s := j.s
	for i := range s.now.Callbacks {
		c := &s.now.Callbacks[i]
		if c.Stuck == 0 {
			continue
		}
		text := things(c.Stuck, "callback") + " " + c.Name + " hangs"
		if c.Stuck > 1 {
			text = things(c.Stuck, "callback") + " " + c.Name + " hang"
		}
		link, linkText := page("running", "runner", s.name, "callback", c.Name, "state", "stuck"), "See where they hang"
		if g := j.group(c.Name, outcomeStuck); g != nil {
			link, linkText = page("failure", "id", g.ID), "The stack"
			if g.Place != "" {
				text += ", in " + g.Place
			}
		}
		lasted := s.nameLasted(c.Name, func(p *namePoint) bool { return p.stuck > 0 })
		j.add(Verdict{
			Level: level(Warning, lasted, stuckFor), Alert: "AfterglowCallbackStuck", Callback: c.Name, Text: text,
			Why: fmt.Sprintf("Each runs on past its timeout of %s, ignores its context, and holds a goroutine.", human(c.Timeout)),
			Do:  "Pass the callback's context to what it waits for at that line.", Link: link, LinkText: linkText,
		})
	}
}

// group returns the group of a name with one of these outcomes that was seen last.
func (j *judge) group(callback string, outcomes ...string) *FailureGroup {
	found := j.c.failures.list(func(g *FailureGroup) bool {
		return g.Runner == j.s.name && (callback == "" || g.Callback == callback) && slices.Contains(outcomes, g.Outcome)
	})
	if len(found) == 0 {
		return nil
	}
	return &found[0]
}

// busiest names who takes the workers' time, and where to look.
func (j *judge) busiest() (why, link, linkText string) {
	name, share := j.s.busiest()
	if name == "" {
		return "", page("running", "runner", j.s.name), "What runs now"
	}
	return fmt.Sprintf("%s takes %s of the workers' time.", name, percent(share)),
		page("running", "runner", j.s.name, "callback", name, "stacks", "1"), "Where " + name + " is now"
}

func (j *judge) queue() {
	s := j.s
	now := s.points.last()
	j.filling(now)
	if j.standsStill() {
		why, link, linkText := j.busiest()
		j.add(Verdict{
			Level: Critical, Alert: "AfterglowQueueStuck",
			Text: fmt.Sprintf("The queue of %s stands still: no worker has taken a callback for %s", s.name, human(s.now.Stalled)),
			Why:  "No worker has a callback that is within its timeout. " + why,
			Do:   "Look where the running callbacks wait.", Link: link, LinkText: linkText,
		})
		return
	}
	if now.oldest <= oldAge {
		return
	}
	why, link, linkText := j.busiest()
	lasted := s.lasted(func(p *point) bool { return p.oldest > oldAge })
	j.add(Verdict{
		Level: level(Warning, lasted, oldFor), Alert: "AfterglowOldestTooOld",
		Text: fmt.Sprintf("A callback of %s has been due for %s", s.name, human(now.oldest)),
		Why:  "Callbacks should start within a second. " + why,
		Do:   "Find what is slow, or add workers.", Link: link, LinkText: linkText,
	})
}

// standsStill is the condition of AfterglowQueueStuck.
func (j *judge) standsStill() bool {
	return j.s.now.Stalled > standstill && j.s.lasted(func(p *point) bool { return p.onTime == 0 }) >= noneOnTime
}

func (j *judge) filling(now *point) {
	s := j.s
	if s.now.Capacity == 0 { // a durable queue has as many places as its disk
		return
	}
	capacity := float64(s.now.Capacity)
	share := float64(now.depth) / capacity
	full, honest := s.forecast()
	almost := s.lasted(func(p *point) bool { return float64(p.depth) >= almostFull*capacity })
	quarter := s.lasted(func(p *point) bool { return float64(p.depth) >= fillingShare*capacity })
	long, short := s.depthLine(fillingFrom), s.depthLine(fillingFor)
	predicted := long.end+long.slope*fillingWithin.Seconds() >= capacity && short.slope > 0 && quarter >= fillingFor
	if share < almostFull && !honest && !predicted {
		return
	}
	why, link, linkText := j.busiest()
	v := Verdict{
		Level: Watch, Alert: "AfterglowQueueFillingUp", Why: why, Link: link, LinkText: linkText,
		Text: fmt.Sprintf("The queue of %s is %s full", s.name, percent(min(share, 1))),
		Do:   "Find what is slow, add workers, or accept that callbacks are rejected (Config.Overflow).",
	}
	if honest {
		v.Text += ", full in about " + about(full)
	}
	if now.depth >= s.now.Capacity {
		v.Text = fmt.Sprintf("The queue of %s is full: %s wait", s.name, things(now.depth, "callback"))
	}
	if predicted || almost >= fillingFor {
		v.Level = Warning
	}
	j.add(v)
}

func (j *judge) workers() {
	s := j.s
	most := 0
	for i := s.points.len() - 1; i >= 0 && s.at-s.points.at(i).at <= saturatedFor; i-- {
		most = max(most, s.points.at(i).depth)
	}
	busy := s.utilized(time.Minute)
	if most == 0 || busy <= saturated {
		return
	}
	v := Verdict{Level: Watch, Alert: "AfterglowWorkersSaturated"}
	if s.utilized(saturatedNow) > saturated && s.utilized(saturatedFor) > saturated && s.at-s.points.at(0).at >= time.Minute {
		v.Level = Warning
	}
	v.Text = fmt.Sprintf("The workers of %s have no time left: %s of it is spent", s.name, percent(min(busy, 1)))
	why, link, linkText := j.busiest()
	v.Why = "A little more work, or a slower dependency, and callbacks wait. " + why
	v.Do, v.Link, v.LinkText = "Look where it waits; give it a limit (Config.Limits), or add workers.", link, linkText
	j.add(v)
}
