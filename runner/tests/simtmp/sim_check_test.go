package tests

import (
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// tally is where the model believes its jobs to be.
type tally struct {
	reserved, queued, paused, running int

	onWorkers   int // of those running, without tracked ones
	overrunning int
	places      int
	ambiguous   bool // something happens at this very instant
}

// count finds every job that has not ended. mu is held.
func (m *model) count(now time.Time) (c tally) {
	live := m.live[:0]
	for _, j := range m.live {
		switch {
		case j.phase == ended || j.phase == refused:
			continue
		case j.phase == accepted && j.order == 0:
			c.reserved++
		case j.phase == accepted, j.phase == paused && j.resumes.Before(now):
			c.queued++
		case j.phase == paused:
			c.paused++
			c.ambiguous = c.ambiguous || j.resumes.Equal(now)
		case j.phase == started:
			c.running++
			if !j.tracked {
				c.onWorkers++
			}
			if j.overran {
				c.overrunning++
			}
		}
		if j.phase != wanted && !j.tracked && (j.phase != started || j.spec.keepsPlace()) {
			c.places++
		}
		live = append(live, j)
	}
	clear(m.live[len(live):])
	m.live = live
	return c
}

// check holds all that must be true while the bubble is quiet.
func (m *model) check(s runner.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	sum := s.Outcomes.Total() + uint64(s.Reserved+s.Queued+s.Paused+s.Running)
	m.require(s.Asked == sum, "books balance", "asked %d, accounted for %d: %+v", s.Asked, sum, s)
	m.checkWidthNow(s)
	if m.busy+m.lingering() > 0 {
		return // the observers have not been told all
	}
	m.require(s.Asked == m.asked, "books balance", "asked %d, the observers saw %d", s.Asked, m.asked)
	m.require(s.Closed == m.drains.begun, "shutdown", "closed: %t", s.Closed)

	c := m.count(now)
	if c.ambiguous {
		return
	}
	m.require(s.Outcomes == m.seen, "outcomes counted", "Stats has %v, the observers saw %v", s.Outcomes, m.seen)
	if m.slow { // a pause begins when Retried has been observed
		c.queued, c.paused = c.queued+c.paused-s.Paused, s.Paused
	}
	m.require(s.Reserved == c.reserved && s.Queued == c.queued && s.Paused == c.paused && s.Running == c.running,
		"where they are", "Stats has %+v, the model %+v", s, c)
	m.require(s.Overrunning == c.overrunning, "overrun", "Stats has %+v, the model %+v", s, c)
	m.require(s.OldestDue.IsZero() == (s.Queued == 0), "oldest", "due %v of %d", s.OldestDue, s.Queued)
	m.require(s.OldestRunning.IsZero() == (s.Running == 0), "oldest", "running %v of %d", s.OldestRunning, s.Running)
	m.require(s.Busy <= s.Workers && s.Depth <= s.Capacity && s.HighWater >= s.Depth && s.HighWater <= s.Capacity, "bounds", "%+v", s)
	if m.cfg.Overflow == runner.RunInCaller { // some have no place and no worker
		m.require(s.Depth <= c.places && c.places-s.Depth <= s.Capacity && s.Busy <= c.onWorkers-s.Replaced, "places and workers", "Stats has %+v, the model %+v", s, c)
	} else {
		m.require(s.Depth == c.places, "places", "Stats has %+v, the model %+v", s, c)
		m.require(s.Busy == c.onWorkers-s.Replaced, "workers", "Stats has %+v, the model %+v", s, c)
	}
	m.checkReplaced(s)
	m.checkOldest(s)
	m.checkWaiting(s)
	m.checkOverrunning(now)
	m.checkMerged()
	m.checkShutdown(now)
}

// checkOldest holds what is evicted first, too: no job has been due longer. One
// that its limit has held back may have been, as it joins the end of the queue.
// mu is held.
func (m *model) checkOldest(s runner.Stats) {
	if m.slow {
		return
	}
	for _, j := range m.live {
		if j.phase == accepted && j.order > 0 && j.spec.coalesce == "" && j.answered && !j.waited {
			m.require(!s.OldestDue.After(j.due), "oldest", "%v is due since %v, the oldest since %v", j, j.due, s.OldestDue)
		}
	}
}

// checkOverrunning finds jobs that overrun unseen. mu is held.
func (m *model) checkOverrunning(now time.Time) {
	if m.drains.returned {
		return
	}
	for _, j := range m.live {
		if timeout := m.timeoutOf(j); j.phase == started && timeout > 0 && !j.overran {
			late := now.Sub(j.started) - timeout - m.cfg.Grace
			m.require(late <= time.Second || m.slow && late <= time.Second+lateTime+j.spec.lingers, "overrun", "%v overruns since %v and nobody says so", j, late)
		}
	}
}

// checkMerged finds jobs that were merged into none. mu is held.
func (m *model) checkMerged() {
	for _, j := range m.merged {
		m.require(m.hasHeir(j), "coalesced into a newer one", "%v is coalesced, and no newer one takes its turn", j)
	}
	m.merged = m.merged[:0]
	for _, j := range m.live {
		if j.phase == accepted && j.order > 0 && j.spec.coalesce != "" {
			for _, other := range m.live {
				twice := other != j && other.phase == accepted && other.order > 0 && other.spec.name == j.spec.name && other.spec.coalesce == j.spec.coalesce
				m.require(!twice, "one waits under a key", "%v and %v wait", j, other)
			}
		}
	}
}

func (m *model) hasHeir(j *job) bool {
	for _, other := range m.jobs {
		if other != j && other.order > 0 && other.spec.name == j.spec.name && other.spec.coalesce == j.spec.coalesce &&
			(!other.due.Before(j.due) || m.slow) && (other.attempt == 0 || !other.first.Before(j.at)) && (other.phase != ended || other.outcome != runner.Coalesced) {
			return true
		}
	}
	return false
}

// checkRest holds that nothing is left.
func (m *model) checkRest(s runner.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.require(s.Reserved+s.Queued+s.Paused+s.Running+s.Depth+s.Busy+s.Overrunning+s.Replaced == 0, "all is zero at rest", "%+v", s)
	for _, j := range m.jobs {
		m.require(j.phase == ended || j.phase == refused, "each has its end", "%v at rest", j)
		m.require(!j.inside, "each has its end", "%v has ended and runs on", j)
	}
}
