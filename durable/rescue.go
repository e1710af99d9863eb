package durable

import (
	"context"
	"math"
	"time"

	"github.com/riverqueue/river/riverdriver"
)

// rescueSlack is how long after its timeout a task is taken for lost if there is no heartbeat.
const rescueSlack = time.Hour

// rescueAfter returns how long after its start a task of a name is taken for lost if there is no heartbeat.
func rescueAfter(t *definition) time.Duration {
	if t.options.Timeout > math.MaxInt64-rescueSlack {
		return math.MaxInt64
	}
	return t.options.Timeout + rescueSlack
}

// sqlLate finds tasks of one name that a process without a heartbeat has started before a time.
const sqlLate = `SELECT ` + sqlIDs + ` FROM (
	SELECT id FROM {job} WHERE state = 'running' AND attempted_at < $1 AND kind = $2 AND ` + sqlLastBy + ` NOT LIKE '` + idPrefix + `%' {{ | FOR UPDATE SKIP LOCKED}}
) AS late`

// rescue gives back the tasks of dead processes when there is no heartbeat: those that have run for too long. It takes
// only names that this process works, as others may have other timeouts. River would make the others dead letters.
func (c *core) rescue(ctx context.Context) error {
	var back []returned
	err := within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		at, err := c.db.clock(ctx, tx)
		if err != nil {
			return err
		}
		for name, t := range c.tasks {
			if t.defined().options.Timeout <= 0 {
				continue // it may run for as long as it likes
			}
			late, err := c.giveBack(ctx, tx, sqlLate, c.db.time(at.Add(-rescueAfter(t.defined()))), name)
			if err != nil {
				return err
			}
			back = append(back, late...)
		}
		return nil
	})
	if err == nil {
		c.tell(ctx, "", back)
	}
	return err
}
