package durable

import (
	"cmp"
	"slices"

	"github.com/afterglow-go/afterglow/runner"
)

// snapshot returns what this process has counted, as a runner does.
func (c *core) snapshot() runner.Snapshot {
	inner := c.attempts.Snapshot()
	isShut := c.isShut()

	b := c.books
	b.mu.Lock()
	defer b.mu.Unlock()
	s := runner.Snapshot{Stats: runner.Stats{
		Name: c.cfg.Name, Workers: c.cfg.workers(), Closed: isShut,
		Running: len(b.running), Busy: len(b.running), Stuck: inner.Stuck,
		Rejections: b.rejections, BusyTime: b.busy, ObserverPanics: inner.ObserverPanics + b.panics,
		Drain: inner.Drain, Lost: inner.Lost,
	}, Folded: b.folded, Durations: b.runTimes}
	if c.cfg.Role == EnqueueOnly {
		s.Workers = 0
	}
	running := make(map[string]int)
	at := now()
	for a, since := range b.running {
		s.BusyTime += at.Sub(since)
		if s.OldestRunning.IsZero() || since.Before(s.OldestRunning) {
			s.OldestRunning = since
		}
		running[b.nameLocked(a.name)]++
	}
	s.QueueWait, _ = b.queueWait.Snapshot(nil)
	for _, of := range b.inOrderLocked() {
		stats := of.stats(running[of.name])
		if i, found := slices.BinarySearchFunc(inner.Callbacks, of.name, func(c runner.CallbackStats, name string) int { return cmp.Compare(c.Name, name) }); found {
			stats.Stuck = inner.Callbacks[i].Stuck
		}
		s.Asked += of.asked
		s.Retries += of.retries
		for o, n := range of.outcomes {
			s.Outcomes[o] += n
		}
		s.Callbacks = append(s.Callbacks, stats)
	}
	return s
}

func (b *books) nameLocked(name string) string {
	if b.byName[name] == nil {
		return folded
	}
	return name
}

func (b *book) stats(running int) runner.CallbackStats {
	s := runner.CallbackStats{
		Name: b.name, Timeout: b.timeout, Asked: b.asked, Running: running, Outcomes: b.outcomes, Rejections: b.rejections,
		Retries: b.retries, Starts: b.starts, QueueWait: b.queueWait, LastSuccess: b.lastSuccess, LastFailure: b.lastFailure,
	}
	s.Success, _ = b.success.Snapshot(nil)
	s.Failure, _ = b.failure.Snapshot(nil)
	return s
}
