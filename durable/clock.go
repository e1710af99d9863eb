package durable

import (
	"context"

	"github.com/riverqueue/river/riverdriver"
)

// sqlAhead finds tasks of one queue and priority that are due, and would be fetched at a time that is more than a minute
// away. An attempt that follows within five seconds looks like that for so long. Otherwise a clock was set back.
const sqlAhead = `SELECT id FROM {job} WHERE state = 'available' AND queue = $1 AND priority = $2
AND scheduled_at > {{datetime('now', 'subsec', '+1 minute') | now() + interval '1 minute'}} ORDER BY scheduled_at LIMIT $3 {{ | FOR UPDATE SKIP LOCKED}}`

// sqlWind makes them due now.
const sqlWind = `UPDATE {job} SET scheduled_at = ` + sqlNow + ` WHERE id IN (` + sqlAhead + `)`

// windBatch bounds the tasks of one queue and priority that are changed at once.
const windBatch = 10_000

// wind makes due what was due before a clock was set back: the database's, or that of a process that has written when an attempt
// follows. River would fetch these tasks when the clock shows the old time again.
func (c *core) wind(ctx context.Context) error {
	return within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		for queue := range c.cfg.Queues {
			for priority := 1; priority <= 4; priority++ {
				if err := tx.Exec(ctx, c.db.sql(sqlWind), queue, priority, windBatch); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
