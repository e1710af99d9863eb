package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// counted are the states that Stats counts.
var counted = []State{StateScheduled, StateDue, StateRunning, StateRetrying, StateDead}

type queueRow struct {
	Name   string `json:"name"`
	Paused bool   `json:"paused"`
}

var sqlQueues = "SELECT " + object("'name'", "name", "'paused'", "{{json(iif(paused_at IS NULL, 'false', 'true')) | paused_at IS NOT NULL}}") + " FROM {queue} ORDER BY name LIMIT $1"

// sqlCount counts one state of one queue, up to a bound, along the index that River fetches by.
const sqlCount = `SELECT count(*) FROM (SELECT 1 FROM {job} WHERE state = '%s' AND queue = $1 LIMIT $2) AS counted`

// sqlOldest finds the task that is due for longest, of one queue and priority, along the same index.
const sqlOldest = `SELECT {{json_quote(scheduled_at) | to_json(scheduled_at)::text}} FROM {job}
WHERE state = 'available' AND queue = $1 AND priority = $2 ORDER BY scheduled_at LIMIT 1`

const sqlLeader = `SELECT leader_id FROM {leader} WHERE expires_at > ` + sqlNow + ` LIMIT 1`

func (c *core) stats(ctx context.Context) (s Stats, err error) {
	if s.At, err = c.db.clock(ctx, c.db.reads); err != nil {
		return Stats{}, fmt.Errorf("durable: stats: %w", err)
	}
	if s.Leader, err = c.leader(ctx); err != nil {
		return Stats{}, err
	}
	var rows []queueRow
	if err := c.db.all(ctx, c.db.reads, sqlQueues, []any{MaxQueues}, &rows); err != nil {
		return Stats{}, fmt.Errorf("durable: stats: %w", err)
	}
	if rows, err = c.withTasks(ctx, rows); err != nil {
		return Stats{}, fmt.Errorf("durable: stats: %w", err)
	}
	for _, r := range rows {
		q, err := c.queueStats(ctx, r, s.At)
		if err != nil {
			return Stats{}, fmt.Errorf("durable: stats of queue %s: %w", r.Name, err)
		}
		s.Queues = append(s.Queues, q)
	}
	return s, nil
}

// leader returns the ID of the process that leads; empty: none.
func (c *core) leader(ctx context.Context) (id string, err error) {
	if _, err := c.db.row(ctx, c.db.reads, sqlLeader, nil, &id); err != nil {
		return "", fmt.Errorf("durable: looking for the leader: %w", err)
	}
	return id, nil
}

func (c *core) queueStats(ctx context.Context, r queueRow, at time.Time) (q QueueStats, err error) {
	q.Name, q.Paused = r.Name, r.Paused
	for _, s := range counted {
		if _, err := c.db.row(ctx, c.db.reads, fmt.Sprintf(sqlCount, riverStates[s]), []any{r.Name, MaxCount}, &q.Tasks[s]); err != nil {
			return q, err
		}
	}
	for priority := 1; priority <= 4; priority++ {
		var text string
		found, err := c.db.row(ctx, c.db.reads, sqlOldest, []any{r.Name, priority}, &text)
		if err != nil {
			return q, err
		}
		if !found {
			continue
		}
		var due clock
		if err := json.Unmarshal([]byte(text), &due); err != nil {
			return q, err
		}
		if t := time.Time(due); t.Before(at) && (q.OldestDue.IsZero() || t.Before(q.OldestDue)) {
			q.OldestDue, q.Age = t, at.Sub(t)
		}
	}
	return q, nil
}

// sqlQueuesOf finds the queues that have tasks in a state: one step along the index for each.
var sqlQueuesOf = `WITH RECURSIVE queues(name) AS (
	SELECT min(queue) FROM {job} WHERE state = '%[1]s'
	UNION ALL
	SELECT (SELECT min(queue) FROM {job} WHERE state = '%[1]s' AND queue > queues.name) FROM queues WHERE queues.name IS NOT NULL
) SELECT ` + object("'name'", "name") + ` FROM queues WHERE name IS NOT NULL LIMIT $1`

// withTasks adds the queues that have tasks, and that no process has worked yet.
func (c *core) withTasks(ctx context.Context, rows []queueRow) ([]queueRow, error) {
	for _, s := range counted {
		var found []queueRow
		if err := c.db.all(ctx, c.db.reads, fmt.Sprintf(sqlQueuesOf, riverStates[s]), []any{MaxQueues}, &found); err != nil {
			return nil, err
		}
		for _, r := range found {
			if len(rows) < MaxQueues && !slices.ContainsFunc(rows, func(known queueRow) bool { return known.Name == r.Name }) {
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

type processRow struct {
	ID      string `json:"id"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Name    string `json:"name"`
	Queues  string `json:"queues"`
	Started clock  `json:"started_at"`
	Beat    clock  `json:"beat_at"`
}

var sqlProcesses = "SELECT " + object("'id'", "id", "'host'", "host", "'pid'", "pid", "'name'", "name", "'queues'", "queues", "'started_at'", "started_at", "'beat_at'", "beat_at") +
	" FROM {process} ORDER BY started_at, id"

func (c *core) processes(ctx context.Context) (all []Process, err error) {
	at, err := c.db.clock(ctx, c.db.reads)
	if err != nil {
		return nil, fmt.Errorf("durable: processes: %w", err)
	}
	var rows []processRow
	if err := c.db.all(ctx, c.db.reads, sqlProcesses, nil, &rows); err != nil {
		return nil, fmt.Errorf("durable: processes: %w", err)
	}
	for _, r := range rows {
		p := Process{ID: r.ID, Host: r.Host, PID: r.PID, Name: r.Name, Started: time.Time(r.Started), Beat: time.Time(r.Beat)}
		p.Silent = max(at.Sub(p.Beat), 0)
		_ = json.Unmarshal([]byte(r.Queues), &p.Queues) // what does not decode is not there
		all = append(all, p)
	}
	return all, nil
}
