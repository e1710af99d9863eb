package console

import (
	"time"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
)

// since returns the newest point, and the one that a window begins with. The points are
// cumulative, so the difference is what has happened within the window. mu is held.
func (s *source) since(window time.Duration) (now, then *point) { return s.between(window, 0) }

// between is since for a window that ended some time ago.
func (s *source) between(from, to time.Duration) (now, then *point) {
	now = s.points.at(before(&s.points, s.at, to, (*point).time))
	if to == 0 {
		now = s.points.last()
	}
	return now, s.points.at(before(&s.points, s.at, from, (*point).time))
}

// nameSince is since for the callbacks of a name; nil: there are no points.
func (s *source) nameSince(name string, from, to time.Duration) (now, then *namePoint) {
	r := s.names[name]
	if r == nil || r.len() == 0 {
		return nil, nil
	}
	now = r.last()
	if to > 0 {
		now = r.at(before(r, s.at, to, (*namePoint).time))
	}
	return now, r.at(before(r, s.at, from, (*namePoint).time))
}

// nameOutcomes returns how many callbacks of a name have ended within a window, by
// outcome. Its newest figures are those of the last snapshot.
func (s *source) nameOutcomes(c *runner.CallbackStats, window time.Duration) (o runner.Outcomes) {
	o = c.Outcomes
	if _, then := s.nameSince(c.Name, window, 0); then != nil && s.hadName(c.Name, window) {
		for i := range o {
			o[i] -= then.outcomes[i]
		}
	}
	return o
}

// hadName reports whether there was a snapshot with a name before a window: otherwise all
// that it counts is of the window.
func (s *source) hadName(name string, window time.Duration) bool {
	r := s.names[name]
	first := r.at(0)
	return s.at-first.at >= window || first.at <= s.points.at(0).at || s.points.len() == cap(s.points.all)
}

// lasted returns for how long a condition has held for each point up to now.
func (s *source) lasted(holds func(*point) bool) time.Duration {
	for i := s.points.len() - 1; i >= 0; i-- {
		if !holds(s.points.at(i)) {
			if i == s.points.len()-1 {
				return 0
			}
			return s.at - s.points.at(i+1).at + tick
		}
	}
	if s.points.len() == 0 {
		return 0
	}
	return s.at - s.points.at(0).at + tick
}

// nameLasted is lasted for the callbacks of a name.
func (s *source) nameLasted(name string, holds func(*namePoint) bool) time.Duration {
	r := s.names[name]
	if r == nil {
		return 0
	}
	var lasted time.Duration
	for i := r.len() - 1; i >= 0 && holds(r.at(i)); i-- {
		lasted = s.at - r.at(i).at + tick
	}
	return lasted
}

// utilized returns the share of the workers' time that was spent on callbacks.
func (s *source) utilized(window time.Duration) float64 {
	now, then := s.since(window)
	if now.at <= then.at || s.now.Workers == 0 {
		return 0
	}
	return (now.busyTime - then.busyTime).Seconds() / (now.at - then.at).Seconds() / float64(s.now.Workers)
}

// runsOf returns the run times of a name within five minutes.
func (s *source) runsOf(c *runner.CallbackStats) histogram.Snapshot {
	all := add(c.Success, c.Failure)
	i := before(&s.coarse, s.at, shortRange, (*full).time)
	if i < 0 {
		return all
	}
	then := &s.coarse.at(i).s
	for j := range then.Callbacks {
		if b := &then.Callbacks[j]; b.Name == c.Name {
			return sub(all, add(b.Success, b.Failure))
		}
	}
	return all
}

// busiest returns the name that has taken most of the workers' time in five minutes, and
// its share.
func (s *source) busiest() (name string, share float64) {
	var most, all uint64
	for i := range s.now.Callbacks {
		c := &s.now.Callbacks[i]
		sum := s.runsOf(c).Sum()
		all += sum
		if sum > most {
			most, name = sum, c.Name
		}
	}
	if all == 0 {
		return "", 0
	}
	return name, float64(most) / float64(all)
}

// burn returns how many times as fast as it may a budget was spent within a window, and
// what was spent.
func (s *source) burn(window time.Duration, budget float64, of func(*budgetPoint) (all, bad uint64)) (times float64, bad uint64) {
	if s.budget.len() == 0 {
		return 0, 0
	}
	all, nowBad := of(s.newestBudget())
	thenAll, thenBad := of(s.budget.at(before(&s.budget, s.at, window, (*budgetPoint).time)))
	all, bad = all-thenAll, nowBad-thenBad
	if all == 0 {
		return 0, 0
	}
	return float64(bad) / float64(all) / budget, bad
}

// newestBudget is the budget point of the last snapshot.
func (s *source) newestBudget() *budgetPoint {
	p := s.points.last()
	all, bad := counted(p.outcomes)
	return &budgetPoint{p.at, all, bad, p.starts, p.late, p.folded}
}

func failuresOf(p *budgetPoint) (all, bad uint64) { return p.counted, p.bad }
func latenessOf(p *budgetPoint) (all, bad uint64) { return p.starts, p.lag }

// hourOfFolded returns how many callbacks were counted as "other", now and an hour ago.
func (s *source) hourOfFolded() (now, then uint64) {
	if s.budget.len() == 0 {
		return 0, 0
	}
	return s.now.Folded, s.budget.at(before(&s.budget, s.at, foldedWindow, (*budgetPoint).time)).folded
}
