package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/telemetry"
)

var sqlLive = "SELECT " + object("'queues'", "queues", "'beat_at'", "beat_at", "'dead_after_ms'", "dead_after_ms") + " FROM {process}"

// liveRow is when a process last beat, and what it works.
type liveRow struct {
	Queues    string `json:"queues"`
	Beat      clock  `json:"beat_at"`
	DeadAfter int64  `json:"dead_after_ms"`
}

// readStore reads what the metrics show of the store. Queues that this process works are there even if no task
// has been in them.
func (c *core) readStore(ctx context.Context) (telemetry.Store, error) {
	s, err := c.stats(ctx)
	if err != nil {
		return telemetry.Store{}, err
	}
	live, err := c.live(ctx, s.At)
	if err != nil {
		return telemetry.Store{}, fmt.Errorf("durable: processes: %w", err)
	}
	if c.cfg.Role != EnqueueOnly {
		for name := range c.cfg.Queues {
			if !slices.ContainsFunc(s.Queues, func(q QueueStats) bool { return q.Name == name }) {
				s.Queues = append(s.Queues, QueueStats{Name: name})
			}
		}
	}
	read := telemetry.Store{Led: s.Leader != ""}
	for _, q := range s.Queues {
		shown := telemetry.StoreQueue{Name: q.Name, Paused: q.Paused, OldestDue: q.Age, Processes: live[q.Name], Tasks: make(map[string]int, len(counted))}
		for _, state := range counted {
			shown.Tasks[state.String()] = q.Tasks[state]
		}
		if !c.hasHeartbeat() {
			shown.Processes = -1
		}
		read.Queues = append(read.Queues, shown)
	}
	return read, nil
}

// live counts the processes whose heartbeat is in time, by queue.
func (c *core) live(ctx context.Context, at time.Time) (map[string]int, error) {
	var rows []liveRow
	if err := c.db.all(ctx, c.db.reads, sqlLive, nil, &rows); err != nil {
		return nil, err
	}
	live := make(map[string]int)
	for _, r := range rows {
		if at.Sub(time.Time(r.Beat)) > time.Duration(r.DeadAfter)*time.Millisecond {
			continue
		}
		var queues map[string]int
		_ = json.Unmarshal([]byte(r.Queues), &queues) // what does not decode is not there
		for name := range queues {
			live[name]++
		}
	}
	return live, nil
}
