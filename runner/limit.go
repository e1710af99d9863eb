package runner

// limit is how many callbacks of one name may be on their way through the
// queue and the workers at once. Others wait in a list of their own, so they
// are in nobody's way; when one of the name ends, or overruns and its worker is
// replaced, the longest held joins the end of the queue.
type limit struct {
	max, taken int      // guarded by mu
	held       taskList // guarded by mu
}

func newLimits(limits map[string]int) map[string]*limit {
	m := make(map[string]*limit, len(limits))
	for name, n := range limits {
		m[name] = &limit{max: n}
	}
	return m
}

// takeSlot takes what t needs of its name's limit. It returns false if there
// is nothing left. mu is held.
func (r *Runner) takeSlot(t *task) bool {
	l := r.limits[t.ctx.name]
	if l == nil || t.limited {
		return true
	}
	if l.taken == l.max {
		return false
	}
	l.taken++
	t.limited = true
	return true
}

// freeSlot gives it back: to the longest held of the name. mu is held.
func (r *Runner) freeSlot(t *task) {
	if !t.limited {
		return
	}
	t.limited = false
	l := r.limits[t.ctx.name]
	l.taken--
	if next := l.held.first; next != nil {
		l.held.remove(next)
		r.enqueue(next)
	}
}
