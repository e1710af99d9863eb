package durable

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

func (c *core) cancel(ctx context.Context, id int64) error {
	ended, err := c.store.cancel(ctx, id)
	if err != nil {
		return notFound(err)
	}
	if ended != "" { // one that runs is counted where it runs
		c.books.canceled(ended)
	}
	return nil
}

func (c *core) cancelAll(ctx context.Context, f Filter) (done Changed, err error) {
	if len(f.States) == 0 {
		f.States = []State{StateScheduled, StateDue, StateRunning, StateRetrying}
	}
	f.States = slices.DeleteFunc(slices.Clone(f.States), State.Ended)
	if len(f.States) == 0 {
		return Changed{}, nil
	}
	jobs, next, err := c.jobs(ctx, c.db.reads, f)
	if err != nil {
		return Changed{}, err
	}
	for _, job := range jobs {
		if err := c.cancel(ctx, job.ID); err != nil && err != ErrNotFound { //nolint:errorlint // notFound's very value
			return done, err
		}
		done.Tasks++
	}
	done.Next = next
	return done, nil
}

// sqlRefresh gives a task as many more attempts as its name has at first.
const sqlRefresh = `UPDATE {job} SET max_attempts = {{min | least}}(attempt + $2, 32000) WHERE id = $1 AND state IN ('discarded', 'cancelled') RETURNING 1`

func (c *core) retry(ctx context.Context, id int64) error {
	var name string
	var hadEnded bool
	err := within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		job, err := tx.JobGetByID(ctx, &riverdriver.JobGetByIDParams{ID: id, Schema: c.cfg.Schema})
		if err != nil {
			return notFound(err)
		}
		name = job.Kind
		hadEnded, err = c.retryIn(ctx, tx, job)
		return err
	})
	if err == nil && hadEnded {
		c.books.revived(name)
	}
	return err
}

// retryIn makes a task due in a transaction, and reports whether the task had ended.
func (c *core) retryIn(ctx context.Context, tx riverdriver.ExecutorTx, job *rivertype.JobRow) (hadEnded bool, err error) {
	if job.State == rivertype.JobStateCompleted || job.State == rivertype.JobStateAvailable || job.State == rivertype.JobStateRunning {
		return false, nil
	}
	attempts := defaultMaxAttempts
	if t := c.tasks[job.Kind]; t != nil {
		attempts = t.defined().options.MaxAttempts
	}
	var one int
	if hadEnded, err = c.db.row(ctx, tx, sqlRefresh, []any{job.ID, attempts}, &one); err != nil {
		return false, notFound(err)
	}
	_, err = tx.JobRetry(ctx, &riverdriver.JobRetryParams{ID: job.ID, Schema: c.cfg.Schema})
	if err != nil && isUniqueConflict(err) {
		return false, ErrDuplicate
	}
	return hadEnded, notFound(err)
}

// isUniqueConflict reports whether the database has refused a task because of its key. Each driver has an error type of
// its own; the name of the index, or of its columns, is in all their texts.
func isUniqueConflict(err error) bool {
	text := err.Error()
	return strings.Contains(text, "river_job_unique_idx") || strings.Contains(text, "UNIQUE constraint failed: river_job.unique_key")
}

func (c *core) retryAll(ctx context.Context, f Filter) (done Changed, err error) {
	f.States = []State{StateDead}
	var revived []string
	err = within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		jobs, next, err := c.jobs(ctx, tx, f)
		if err != nil {
			return err
		}
		done.Next = next
		for _, job := range jobs {
			hadEnded := false
			err := within(ctx, tx, func(tx riverdriver.ExecutorTx) (err error) {
				hadEnded, err = c.retryIn(ctx, tx, job)
				return err
			})
			switch {
			case errors.Is(err, ErrDuplicate): // stays a dead letter
			case err != nil:
				return err
			default:
				done.Tasks++
				if hadEnded {
					revived = append(revived, job.Kind)
				}
			}
		}
		return nil
	})
	if err != nil {
		return Changed{}, err
	}
	for _, name := range revived {
		c.books.revived(name)
	}
	return done, nil
}

// allQueues is River's name for all of them.
const allQueues = "*"

func (c *core) pause(ctx context.Context, queue string) error {
	if queue == "" {
		queue = allQueues
	}
	return notFound(c.store.pause(ctx, queue))
}

func (c *core) resume(ctx context.Context, queue string) error {
	if queue == "" {
		queue = allQueues
	}
	return notFound(c.store.resume(ctx, queue))
}
