package durable

import (
	"context"
	"time"
)

// watch finds dead processes. It compares no clocks: a process is dead when this one has seen its
// counter stand still for long enough, by its own monotonic clock.
type watch struct {
	core    *core
	seen    map[string]sighting
	orphans time.Time // when they were looked for
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

// look looks at all processes but this one.
func (w *watch) look(ctx context.Context, self string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
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
	if at.Sub(w.orphans) < w.core.cfg.DeadAfter {
		return nil
	}
	w.orphans = at
	return w.core.adopt(ctx)
}

const lookTimeout = 10 * time.Second
