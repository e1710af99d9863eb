package console

import (
	"fmt"
	"time"
)

// budgets tells of budgets that burn.
func (j *judge) budgets() {
	s := j.s
	failure := 1 - j.c.cfg.SLO
	hour, badHour := s.burn(time.Hour, failure, failuresOf)
	five, _ := s.burn(5*time.Minute, failure, failuresOf)
	day, badDay := s.burn(6*time.Hour, failure, failuresOf)
	half, _ := s.burn(30*time.Minute, failure, failuresOf)
	v := Verdict{
		Link: page("failures", "runner", s.name), LinkText: "The failures",
		Do: "Begin with the group that grows.",
	}
	switch {
	case hour > fastBurn && five > fastBurn && badHour >= leastBad:
		s.fastBurnAt = s.at
		v.Alert = "AfterglowErrorBudgetBurnFast"
		v.Text = fmt.Sprintf("Callbacks of %s fail %s times as often as they may", s.name, digits(hour))
		v.Why = fmt.Sprintf("%s ended badly within the hour, and they still do. Promised: %s end well.", things(badHour, "callback"), share(j.c.cfg.SLO))
	case day > steadyBurn && half > steadyBurn && badDay >= leastBad && (s.fastBurnAt == 0 || s.at-s.fastBurnAt > time.Hour || five > steadyBurn):
		v.Alert = "AfterglowErrorBudgetBurn"
		v.Text = fmt.Sprintf("Callbacks of %s fail %s times as often as they may", s.name, digits(day))
		v.Why = fmt.Sprintf("%s ended badly in six hours, or since the start. Promised: %s end well.", things(badDay, "callback"), share(j.c.cfg.SLO))
	default:
		j.late()
		return
	}
	v.Level = Critical
	if g := j.mostOfFive(); g != nil {
		v.Callback = g.Callback
		v.Text += ", most of them " + g.Callback
		if g.Place != "" {
			v.Text += " in " + g.Place
		}
		v.Why += " " + g.Error
		j.blamed = g.Callback
		v.Link, v.LinkText = page("failure", "id", g.ID), "Most of them"
	}
	j.add(v)
	j.late()
}

func share(v float64) string { return fmt.Sprintf("%.4g %%", 100*v) }

// mostOfFive returns the group that had most failures in five minutes.
func (j *judge) mostOfFive() (most *FailureGroup) {
	var largest uint32
	for _, g := range j.c.failures.list(func(g *FailureGroup) bool { return g.Runner == j.s.name && g.Outcome != outcomeStuck }) {
		var n uint32
		for _, m := range g.Minutes[max(0, len(g.Minutes)-6):] {
			n += m
		}
		if n > largest {
			largest, most = n, &g
		}
	}
	return most
}

// late tells of callbacks that start late.
func (j *judge) late() {
	s := j.s
	budget := 1 - latencySLO
	hour, _ := s.burn(time.Hour, budget, latenessOf)
	five, _ := s.burn(5*time.Minute, budget, latenessOf)
	day, lateDay := s.burn(6*time.Hour, budget, latenessOf)
	half, _ := s.burn(30*time.Minute, budget, latenessOf)
	fast := hour > fastBurn && five > fastBurn
	if fast {
		s.fastLateAt = s.at
	}
	steady := day > steadyBurn && half > steadyBurn && (s.fastLateAt == 0 || s.at-s.fastLateAt > time.Hour || five > steadyBurn)
	if lateDay < leastBad || !fast && !steady {
		return
	}
	why, link, linkText := j.busiest()
	j.add(Verdict{
		Level: Warning, Alert: "AfterglowLatencyBudgetBurn",
		Text: fmt.Sprintf("Callbacks of %s start late: %s more than a second after they were due", s.name, things(lateDay, "attempt")),
		Why:  fmt.Sprintf("Promised: %s start within a second. %s", share(latencySLO), why),
		Do:   "Find what takes the workers' time, or add workers.", Link: link, LinkText: linkText,
	})
}

func (j *judge) rest() {
	s := j.s
	if now, then := s.hourOfFolded(); now > then {
		j.add(Verdict{
			Level: Warning, Alert: "AfterglowNamesFolded",
			Text: fmt.Sprintf("%s has more callback names than Config.MaxNames", s.name),
			Why:  fmt.Sprintf("%s were counted as \"other\".", things(now-then, "callback")),
			Do:   "Make names constants; put ids into runner.Ref.",
			Link: page("callback", "runner", s.name, "callback", "other"), LinkText: "The others",
		})
	}
	if n := s.now.ObserverPanics; n > 0 {
		j.add(Verdict{Level: Note, Text: fmt.Sprintf("Observers of %s panicked %s", s.name, times(n)), Why: "The runner recovered them. The callbacks ran."})
	}
}
