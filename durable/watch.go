package durable

import (
	"context"
	"time"
)

// watch finds dead processes. It compares no clocks: a process is dead when this one has seen its
// counter stand still for long enough, by its own monotonic clock.
type watch struct {
	core  *core
	seen  map[string]sighting
	tasks time.Time // when those were looked for that hang
}

// sighting is since when a counter stands.
type sighting struct {
	beat  int64
	since time.Time
}

type beatRow struct {
	ID        string `json:"id"`
	Beat      int64  `json:"beat"`
	DeadAfter int64  `json:"dead_after_ms"`
}

var sqlBeats = "SELECT " + object("'id'", "id", "'beat'", "beat", "'dead_after_ms'", "dead_after_ms") + " FROM {process}"

// look looks at all processes but this one, and for tasks that hang.
func (w *watch) look(ctx context.Context, self string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if w.core.hasHeartbeat() {
		if err := w.lookAtProcesses(ctx, self); err != nil {
			return err
		}
	}
	if at := now(); at.Sub(w.tasks) >= w.core.tasksEvery() {
		w.tasks = at
		return w.core.free(ctx)
	}
	return nil
}

// tasksEvery is how often a process looks for tasks that hang.
func (c *core) tasksEvery() time.Duration {
	if !c.hasHeartbeat() {
		return defaultDeadAfter
	}
	return c.cfg.DeadAfter
}

// free sets tasks free that nothing else would: those that run under no process, and those that a changed clock holds up.
func (c *core) free(ctx context.Context) error {
	lost := c.adopt
	if !c.hasHeartbeat() {
		lost = c.rescue
	}
	if err := lost(ctx); err != nil {
		return err
	}
	return c.wind(ctx)
}

func (w *watch) lookAtProcesses(ctx context.Context, self string) error {
	at := now()
	var rows []beatRow
	if err := w.core.db.all(ctx, w.core.db.beats, sqlBeats, nil, &rows); err != nil {
		return err
	}
	seen := make(map[string]sighting, len(rows))
	for _, r := range rows {
		if r.ID == self {
			continue
		}
		s, known := w.seen[r.ID]
		if !known || s.beat != r.Beat {
			s = sighting{r.Beat, at}
		}
		if at.Sub(s.since) >= time.Duration(r.DeadAfter)*time.Millisecond {
			if err := w.core.bury(ctx, r); err != nil {
				return err
			}
			continue
		}
		seen[r.ID] = s
	}
	w.seen = seen
	return nil
}

const lookTimeout = 10 * time.Second
