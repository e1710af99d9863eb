package durable

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// sqlClaim finds the row of a dead process, and keeps it from being used until the transaction ends.
// A process that beats or writes meanwhile is alive.
const sqlClaim = "SELECT 1 FROM {process} WHERE id = $1 AND beat = $2 {{ | FOR UPDATE SKIP LOCKED}}"

// sqlTheirs finds the tasks of a process, and keeps Cancel from changing them meanwhile.
const sqlTheirs = `SELECT ` + sqlIDs + ` FROM (
	SELECT id FROM {job} WHERE state = 'running' AND ` + sqlLastBy + ` = $1 {{ | FOR UPDATE}}
) AS theirs`

const (
	sqlIDs    = "{{coalesce(json_group_array(id), '[]') | coalesce(json_agg(id), '[]')::text}}"
	sqlLastBy = "{{json_extract(attempted_by, '$[#-1]') | attempted_by[array_upper(attempted_by, 1)]}}"
)

// sqlDepose ends the term of a dead process that leads. Otherwise the others would wait for the end of the
// term, and nobody would make scheduled tasks due until then.
const sqlDepose = "DELETE FROM {leader} WHERE leader_id = $1"

// bury gives back the tasks of a dead process, and deletes its rows, in one transaction.
func (c *core) bury(ctx context.Context, dead beatRow) error {
	var back []returned
	err := within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		var one int
		isDead, err := c.db.row(ctx, tx, sqlClaim, []any{dead.ID, dead.Beat}, &one)
		if err != nil || !isDead {
			return err
		}
		if back, err = c.giveBack(ctx, tx, sqlTheirs, dead.ID); err != nil {
			return err
		}
		if err := tx.Exec(ctx, c.db.sql(sqlDepose), dead.ID); err != nil {
			return err
		}
		return tx.Exec(ctx, c.db.sql("DELETE FROM {process} WHERE id = $1"), dead.ID)
	})
	if err != nil {
		return err
	}
	c.tell(ctx, dead.ID, back)
	return nil
}

// sqlOrphans finds tasks that run under a process whose row was deleted: it fetched them as it was
// buried, or somebody else has deleted the row.
const sqlOrphans = `SELECT ` + sqlIDs + ` FROM (
	SELECT id FROM {job} WHERE state = 'running' AND attempted_at < $1 AND ` + sqlLastBy + ` LIKE '` + idPrefix + `%'
	AND NOT EXISTS (SELECT 1 FROM {process} p WHERE p.id = ` + sqlLastBy + `) {{ | FOR UPDATE}}
) AS orphans`

// adopt gives back tasks that run under no process.
func (c *core) adopt(ctx context.Context) error {
	var back []returned
	err := within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		at, err := c.db.clock(ctx, tx)
		if err != nil {
			return err
		}
		back, err = c.giveBack(ctx, tx, sqlOrphans, c.db.time(at.Add(-c.cfg.DeadAfter)))
		return err
	})
	if err == nil {
		c.tell(ctx, "", back)
	}
	return err
}

// returned is a task that was given back.
type returned struct {
	id    int64
	name  string
	state State
}

// giveBatch bounds the tasks that are read at once.
const giveBatch = 500

// giveBack ends the attempts of the tasks that a query finds.
func (c *core) giveBack(ctx context.Context, tx riverdriver.ExecutorTx, query string, args ...any) (back []returned, err error) {
	var text string
	if err := tx.QueryRow(ctx, c.db.sql(query), args...).Scan(&text); err != nil {
		return nil, err
	}
	var ids []int64
	if err := json.Unmarshal([]byte(text), &ids); err != nil || len(ids) == 0 {
		return nil, err
	}
	at, err := c.db.clock(ctx, tx)
	if err != nil {
		return nil, err
	}
	for len(ids) > 0 {
		n := min(len(ids), giveBatch)
		jobs, err := tx.JobGetByIDMany(ctx, &riverdriver.JobGetByIDManyParams{ID: ids[:n], Schema: c.cfg.Schema})
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
		batch, err := c.giveBackBatch(ctx, tx, jobs, at)
		if err != nil {
			return nil, err
		}
		back = append(back, batch...)
	}
	return back, nil
}

func (c *core) giveBackBatch(ctx context.Context, tx riverdriver.ExecutorTx, jobs []*rivertype.JobRow, at time.Time) (back []returned, err error) {
	params := &riverdriver.JobRescueManyParams{Schema: c.cfg.Schema, StuckHorizon: at.Add(never)}
	for _, job := range jobs {
		s, due := c.afterCrash(job, at)
		failed, err := json.Marshal(rivertype.AttemptError{At: at, Attempt: max(job.Attempt, 0), Error: ErrWorkerDied.Error()})
		if err != nil {
			return nil, err
		}
		var ended *time.Time
		if s.Ended() {
			ended = &at
		}
		params.ID = append(params.ID, job.ID)
		params.Error = append(params.Error, failed)
		params.FinalizedAt = append(params.FinalizedAt, ended)
		params.ScheduledAt = append(params.ScheduledAt, due)
		params.State = append(params.State, string(riverStates[s]))
		back = append(back, returned{job.ID, job.Kind, s})
	}
	if _, err := tx.JobRescueMany(ctx, params); err != nil {
		return nil, err
	}
	for _, b := range back {
		if b.state != StateDead {
			continue
		}
		if err := c.db.keep(ctx, tx, b.id, kept{Group: groupOf(b.name, ErrWorkerDied.Error())}); err != nil {
			return nil, err
		}
	}
	return back, nil
}

// afterCrash decides what becomes of a task whose process has died. The first time it starts again at once. Then it waits,
// because it may be what kills processes.
func (c *core) afterCrash(job *rivertype.JobRow, at time.Time) (s State, due time.Time) {
	m := marksOf(job)
	switch {
	case m.Canceled != "":
		return StateCanceled, job.ScheduledAt
	case job.Attempt >= job.MaxAttempts:
		return StateDead, job.ScheduledAt
	case m.Rescues == 0:
		return StateDue, at
	default:
		return StateRetrying, at.Add(defaultBackoff(m.Rescues))
	}
}

// marks are what River notes in a task's metadata.
type marks struct {
	Canceled string `json:"cancel_attempted_at"`
	Rescues  int    `json:"river:rescue_count"`
}

func marksOf(job *rivertype.JobRow) (m marks) {
	_ = json.Unmarshal(job.Metadata, &m) // what does not decode is not there
	return m
}

// tell counts and logs the tasks that were given back.
func (c *core) tell(ctx context.Context, process string, back []returned) {
	dead := 0
	for _, b := range back {
		c.books.returned(b.name, b.state)
		if b.state == StateDead {
			dead++
			c.log.ErrorContext(ctx, "dead letter: the process that ran its last attempt died", slog.String(keyTask, b.name), slog.Int64(keyID, b.id))
		}
	}
	if len(back) > 0 {
		c.log.WarnContext(ctx, "process found dead, its tasks run again", slog.String(keyProcess, process), slog.Int(keyTasks, len(back)-dead))
	}
}
