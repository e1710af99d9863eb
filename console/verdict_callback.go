package console

import (
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// asideAlerts are the alerts of the kinds of places beside the queue.
var asideAlerts = []struct {
	place   runner.Place
	reason  runner.Reason
	alert   string
	wait    string
	setting string
}{
	{runner.PlaceReserved, runner.ReasonReservedFull, "AfterglowReservedFull", "for responses that stay open", "MaxReserved"},
	{runner.PlaceHeld, runner.ReasonHeldFull, "AfterglowHeldFull", "for their share of Limits", "MaxHeld"},
	{runner.PlacePaused, runner.ReasonPausedFull, "AfterglowPausedFull", "for another attempt", "MaxPaused"},
}

func (j *judge) places() {
	s := j.s
	now, then := s.since(lossWindow)
	for _, a := range asideAlerts {
		limit := float64(s.now.Places[a.place].Limit)
		rejected := now.rejected[a.reason] - then.rejected[a.reason]
		near := func(p *point) bool { return limit > 0 && float64(p.taken[a.place]) >= nearShare*limit }
		lasted := s.lasted(near)
		if rejected == 0 && lasted == 0 {
			continue
		}
		v := Verdict{
			Level: level(Warning, lasted, nearFor), Alert: a.alert,
			Text: fmt.Sprintf("Too many callbacks of %s wait %s: %s of the places are taken", s.name, a.wait, percent(float64(now.taken[a.place])/limit)),
			Why:  fmt.Sprintf("One name may take as many places as it leaves free (%s).", a.setting),
			Link: page("./", "runner", s.name, "sort", "waiting"), LinkText: "Who waits",
		}
		if name := j.mostPlaces(a.place); name != "" {
			v.Callback = name
			v.Why += fmt.Sprintf(" Most are %s.", name)
			v.Link, v.LinkText = page("callback", "runner", s.name, "callback", name), name
		}
		if rejected > 0 {
			v.Level = Warning
			v.Text += fmt.Sprintf(", and %s were rejected", things(rejected, "callback"))
			if g := j.rejections(a.reason); g != nil {
				v.Link, v.LinkText = page("failure", "id", g.ID), "Who asks"
			}
		}
		j.add(v)
	}
}

// mostPlaces names the callback that takes most places of a kind.
func (j *judge) mostPlaces(kind runner.Place) (name string) {
	most := 0
	for i := range j.s.now.Callbacks {
		if n := j.s.now.Callbacks[i].Places[kind]; n > most {
			most, name = n, j.s.now.Callbacks[i].Name
		}
	}
	return name
}

// rejections returns the newest group of rejections for a reason.
func (j *judge) rejections(reason runner.Reason) *FailureGroup {
	found := j.c.failures.list(func(g *FailureGroup) bool {
		return g.Runner == j.s.name && g.Outcome == "rejected" && g.Reason == reason.String()
	})
	var best *FailureGroup
	for i := range found { // the line that asks is known for those within a flood
		if best == nil || best.At == nil && found[i].At != nil || found[i].Count > best.Count && (best.At == nil) == (found[i].At == nil) {
			best = &found[i]
		}
	}
	return best
}

func (j *judge) loss() {
	s := j.s
	now, then := s.since(lossWindow)
	_, earlier := s.between(2*lossWindow, 0)
	for reason := range runner.NumReasons {
		n := now.rejected[reason] - then.rejected[reason]
		switch reason {
		case runner.ReasonReservedFull, runner.ReasonHeldFull, runner.ReasonPausedFull:
			continue // see places
		case runner.ReasonClosed:
			if then.rejected[reason] == earlier.rejected[reason] {
				continue // every deploy has some
			}
		}
		if n == 0 {
			continue
		}
		v := Verdict{
			Level: Warning, Alert: "AfterglowCallbacksRejected",
			Text: fmt.Sprintf("%s rejected %s in the last five minutes: %s", s.name, things(n, "callback"), reason),
			Why:  "They will not run.", Link: page("drains", "runner", s.name), LinkText: "Refusals",
			Do: rejectedAdvice(reason),
		}
		if g := j.rejections(reason); g != nil {
			v.Callback = g.Callback
			v.Link, v.LinkText = page("failure", "id", g.ID), "Who asks"
			if g.At != nil {
				v.Why += fmt.Sprintf(" Most are %s, asked for in %s.", g.Callback, g.Place)
			}
		}
		j.add(v)
	}
	if dropped := now.outcomes[runner.OutcomeDropped] - then.outcomes[runner.OutcomeDropped]; dropped > 0 && !s.now.Closed {
		v := Verdict{
			Level: Warning, Alert: "AfterglowCallbacksDropped",
			Text: fmt.Sprintf("%s dropped %s in the last five minutes to make room for newer ones", s.name, things(dropped, "accepted callback")),
			Why:  "They never ran.", Do: "Find what is slow, or add workers.",
			Link: page("failures", "runner", s.name, "outcome", "dropped"), LinkText: "Which ones",
		}
		if g := j.group("", "dropped"); g != nil {
			v.Link = page("failure", "id", g.ID)
		}
		j.add(v)
	}
}

func rejectedAdvice(reason runner.Reason) string {
	switch reason {
	case runner.ReasonStuck:
		return "Too many callbacks hang: make them heed their context."
	case runner.ReasonClosed:
		return "The runner was shut down and its server still serves: shut the server down first."
	default:
		return "Find what is slow or floods the queue, add workers, or raise Config.Queue."
	}
}

// callbacks tells of names that misbehave.
func (j *judge) callbacks() {
	for i := range j.s.now.Callbacks {
		c := &j.s.now.Callbacks[i]
		j.panics(c)
		j.timeouts(c)
		j.failing(c)
		j.slow(c)
	}
}

func (j *judge) panics(c *runner.CallbackStats) {
	n := j.s.nameOutcomes(c, panicWindow)[runner.OutcomePanic]
	if n == 0 {
		return
	}
	v := Verdict{
		Level: Warning, Alert: "AfterglowPanics", Callback: c.Name,
		Text: fmt.Sprintf("%s panicked %s in the last 15 minutes", c.Name, times(n)),
		Link: page("failures", "runner", j.s.name, "callback", c.Name, "outcome", "panic"), LinkText: "The panics",
		Do: "Mend the line; the stack shows the way to it.",
	}
	if g := j.group(c.Name, "panic"); g != nil {
		v.Link, v.LinkText = page("failure", "id", g.ID), "The stack"
		if g.Place != "" {
			v.Text += ", in " + g.Place
		}
		v.Why = g.Error
	}
	j.add(v)
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return count(n) + " times"
}

func (j *judge) timeouts(c *runner.CallbackStats) {
	s := j.s
	o := s.nameOutcomes(c, timeoutWindow)
	n := o[runner.OutcomeTimeout]
	lately := s.nameOutcomes(c, timeoutSpan)[runner.OutcomeTimeout]
	if n == 0 {
		return
	}
	all, _ := counted(o)
	share := float64(n) / float64(max(all, 1))
	fires := share > timeoutShare && n >= leastTimeouts && lately > 0 && n > lately && s.nameOutcomes(c, 2*timeoutSpan)[runner.OutcomeTimeout] > lately
	if !fires && lately == 0 {
		return
	}
	v := Verdict{
		Level: Watch, Alert: "AfterglowTimeouts", Callback: c.Name,
		Text: fmt.Sprintf("%s ran into its timeout of %s %s (%s)", c.Name, human(c.Timeout), times(n), percent(share)),
		Do:   "Look where it waits while it runs.",
		Link: page("running", "runner", s.name, "callback", c.Name, "stacks", "1"), LinkText: "Where it is now",
	}
	if fires {
		v.Level = Warning
	}
	if g := j.group(c.Name, "timeout"); g != nil {
		v.Why = g.Error
		v.Link, v.LinkText = page("failure", "id", g.ID), "The timeouts"
	}
	j.add(v)
}

// failing tells of callbacks that only fail, and of those that fail at all.
func (j *judge) failing(c *runner.CallbackStats) {
	s := j.s
	o := s.nameOutcomes(c, recentWindow)
	bad := o[runner.OutcomeError] + o[runner.OutcomePanic] + o[runner.OutcomeTimeout]
	link, linkText := page("failures", "runner", s.name, "callback", c.Name), "Its failures"
	why, where := "", ""
	if g := j.group(c.Name, "error", "panic", "timeout"); g != nil {
		link, linkText, why = page("failure", "id", g.ID), "The failure", g.Error
		if g.Place != "" {
			where = ", in " + g.Place
		}
	}
	age := func(t time.Time) time.Duration { return s.wall.Sub(t) }
	onlyFails := !c.LastFailure.IsZero() && (c.LastSuccess.IsZero() || age(c.LastSuccess) > failingWithin)
	if first := s.failingSince[c.Name]; onlyFails && !first.IsZero() && age(first) >= failingAfter && age(c.LastFailure) < failingWithin {
		j.add(Verdict{
			Level: Warning, Alert: "AfterglowCallbackFailing", Callback: c.Name, Why: why, Link: link, LinkText: linkText,
			Text: fmt.Sprintf("%s only fails, for %s%s", c.Name, human(age(first).Truncate(time.Minute)), where),
		})
		return
	}
	all, _ := counted(o)
	share := float64(bad) / float64(max(all, 1))
	v := Verdict{Level: Note, Callback: c.Name, Why: why, Link: link, LinkText: linkText}
	switch {
	case o[runner.OutcomeError] == 0: // panics and timeouts have verdicts of their own
		return
	case c.Name == j.blamed:
		return // the budget's verdict says more
	case bad == all && bad >= alwaysFails:
		v.Level, v.Text = Watch, fmt.Sprintf("%s fails every time: %s in five minutes%s", c.Name, times(bad), where)
	case share > 1-j.c.cfg.SLO && bad >= leastBad:
		v.Level, v.Text = Watch, fmt.Sprintf("%s fails in %s of its runs%s", c.Name, percent(share), where)
	default:
		v.Text = fmt.Sprintf("%s failed %s of %s in five minutes%s", c.Name, times(bad), count(all), where)
	}
	j.add(v)
}

// slow tells of callbacks that come near their timeouts.
func (j *judge) slow(c *runner.CallbackStats) {
	if c.Timeout == 0 {
		return
	}
	runs := j.s.runsOf(c)
	if p95 := runs.Quantile(.95); runs.Count() >= leastRuns && p95.Seconds() > slowShare*c.Timeout.Seconds() {
		j.add(Verdict{
			Level: Watch, Callback: c.Name,
			Text: fmt.Sprintf("%s takes %s of its timeout of %s", c.Name, percent(min(p95.Seconds()/c.Timeout.Seconds(), 1)), human(c.Timeout)),
			Why:  fmt.Sprintf("Of its runs in the last five minutes, 1 in 20 took %s or longer.", human(p95)),
			Do:   "Look where it waits.",
			Link: page("running", "runner", j.s.name, "callback", c.Name, "stacks", "1"), LinkText: "Where it is now",
		})
	}
}
