package tests

import (
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// places is where the model believes its jobs to be.
type places struct{ reserved, queued, paused, running, stuck int }

// tally is where all jobs are.
type tally struct {
	places
	byName map[string]places

	onWorkers int // of those running, without those of Do
	due       int // of those queued, for their first attempt
	ambiguous bool
}

// count finds every job that has not ended. mu is held.
func (m *model) count(now time.Time) (c tally) {
	c.byName = map[string]places{}
	live := m.live[:0]
	for _, j := range m.live {
		if j.phase == ended || j.phase == refused {
			continue
		}
		live = append(live, j)
		if j.phase == wanted {
			continue
		}
		var at places
		switch {
		case j.phase == accepted && j.order == 0:
			at.reserved++
		case j.phase == accepted, j.phase == paused && j.resumes.Before(now):
			at.queued++
		case j.phase == paused:
			at.paused++
			c.ambiguous = c.ambiguous || j.resumes.Equal(now)
		case j.phase == started:
			at.running++
			if !j.inCaller {
				c.onWorkers++
			}
			if m.isStuck(j, now) {
				at.stuck++
			}
			c.ambiguous = c.ambiguous || !j.stuck && m.stuckAt(j).Equal(now)
		}
		c.places = c.plus(at)
		name := j.spec.name
		if j.folded {
			name = foldedName
		}
		c.byName[name] = c.byName[name].plus(at)
		if j.phase == accepted && j.order > 0 {
			c.due++
		}
	}
	clear(m.live[len(live):])
	m.live = live
	return c
}

func (p places) plus(o places) places {
	return places{p.reserved + o.reserved, p.queued + o.queued, p.paused + o.paused, p.running + o.running, p.stuck + o.stuck}
}

// check holds all that must be true while the bubble is quiet.
func (m *model) check(s runner.Snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.require(unbalanced(s) == "", "books balance", "%s", unbalanced(s))
	m.checkWidthNow(s.Stats)
	if m.busy+m.lingering() > 0 {
		return // the observers have not been told all
	}
	m.require(s.Closed == m.drains.begun, "shutdown", "closed: %t", s.Closed)
	m.checkWaiters(s)
	c := m.count(now)
	if m.sight != seesAll {
		m.checkGuessed(s)
		return
	}
	m.require(s.Asked == m.books.total.asked, "books balance", "asked %d, the observers saw %d", s.Asked, m.books.total.asked)
	m.checkEnds()
	if c.ambiguous {
		return
	}
	at := c.places
	if m.slow { // a pause begins when Retried has been observed
		at.queued, at.paused = at.queued+at.paused-s.Paused, s.Paused
	}
	m.require(places{s.Reserved, s.Queued, s.Paused, s.Running, s.Stuck} == at, "where they are", "Stats has %+v, the model %+v", s.Stats, c)
	m.checkBooks(s, c)
	m.require(s.OldestDue.IsZero() == (s.Queued == 0), "oldest", "due %v of %d", s.OldestDue, s.Queued)
	m.require(s.OldestRunning.IsZero() == (s.Running == s.Replaced), "oldest", "running %v of %d, %d replaced", s.OldestRunning, s.Running, s.Replaced)
	m.checkStalled(s.Stats, now)
	m.checkPlaces(s, c)
	m.require(s.Busy == c.onWorkers-s.Replaced, "workers", "Stats has %+v, the model %+v", s.Stats, c)
	m.checkReplaced(s.Stats, now)
	m.checkOldest(s.Stats)
	m.checkWaiting(s.Stats)
	m.checkStuck(now)
	m.checkMerged()
	m.checkEvicted()
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
		if j.phase == accepted && j.order > 0 && j.spec.coalesce == "" && j.answered && !j.waited && m.ungated(j) {
			m.require(!s.OldestDue.After(j.due), "oldest", "%v is due since %v, the oldest since %v", j, j.due, s.OldestDue)
		}
	}
}

// checkStalled holds that the queue stands still for no longer than the oldest job
// waits, unless jobs leave it otherwise than by a worker; and that a worker is on time
// if its job's deadline has not passed. mu is held.
func (m *model) checkStalled(s runner.Stats, now time.Time) {
	m.require(s.Stalled == 0 || s.Queued > 0, "stalled", "for %v, and none waits", s.Stalled)
	if m.cfg.Overflow != runner.DropOldest && !m.drains.begun && s.Queued > 0 {
		m.require(s.Stalled <= now.Sub(s.OldestDue), "stalled", "for %v, the oldest waits since %v", s.Stalled, s.OldestDue)
	}
	if m.slow {
		return
	}
	atLeast, atMost := 0, 0
	for _, j := range m.live {
		if timeout := m.timeoutOf(j); j.phase == started && !j.inCaller && timeout > 0 {
			if deadline := j.started.Add(timeout); now.Before(deadline) {
				atLeast++
				atMost++
			} else if now.Equal(deadline) {
				atMost++
			}
		}
	}
	m.require(atLeast <= s.OnTime && s.OnTime <= atMost, "stalled", "%d workers are on time; the model: %d to %d", s.OnTime, atLeast, atMost)
}

// checkStuck finds jobs that are stuck unseen, and starts that were late unseen. mu
// is held.
func (m *model) checkStuck(now time.Time) {
	for _, j := range m.live {
		if j.phase != started {
			continue
		}
		if at := m.stuckAt(j); !at.IsZero() && !j.stuck && !m.drains.returned {
			late := now.Sub(m.lookFor(at))
			m.require(late <= 0 || m.slow && late <= lateTime+j.spec.lingers, "stuck", "%v is stuck since %v and nobody says so", j, late)
		}
	}
}

// stuckAt returns when a job that runs counts as stuck; zero: never. mu is held.
func (m *model) stuckAt(j *job) time.Time {
	timeout := m.timeoutOf(j)
	if timeout == 0 {
		return time.Time{}
	}
	return j.started.Add(timeout + m.cfg.StuckAfter)
}

// isStuck reports whether a job counts as stuck, which its observers may hear a
// second later. mu is held.
func (m *model) isStuck(j *job, now time.Time) bool {
	at := m.stuckAt(j)
	return j.phase == started && (j.stuck || !at.IsZero() && now.After(at))
}

// lookFor returns when the runner must look where a job hangs that is stuck since
// then: at once, or a second after the last look if no drain has begun. mu is held.
func (m *model) lookFor(since time.Time) time.Time {
	due := later(since, m.mayLook)
	if d := &m.drains; d.begun && due.After(d.at) {
		return later(since, d.at)
	}
	return due
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
			(!other.due.Before(j.due) || m.slow || !m.ungated(other)) && (other.attempt == 0 || !other.first.Before(j.at)) && (other.phase != ended || other.outcome != runner.OutcomeCoalesced) {
			return true
		}
	}
	return false
}

// checkRest holds that nothing is left.
func (m *model) checkRest(s runner.Stats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.require(s.Pending()+s.Depth+s.Busy+s.Stuck+s.Replaced == 0, "all is zero at rest", "%+v", s)
	for _, p := range s.Places {
		m.require(p.Taken == 0, "all is zero at rest", "%+v", s)
	}
	m.require(s.BusyTime >= 0, "all is zero at rest", "%+v", s)
	m.checkRestGuessed(s)
	for _, j := range m.jobs {
		m.require(j.phase == ended || j.phase == refused || j.phase == wanted && j.gone || m.sight != seesAll, "each has its end", "%v at rest", j)
		m.require(!j.inside, "each has its end", "%v has ended and runs on", j)
	}
}
