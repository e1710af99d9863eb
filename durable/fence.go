package durable

import (
	"context"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// fencedExecutor is an executor whose results count only while the process has its row in the
// database: the row that others delete, in one transaction with giving its tasks away. So
// a process that was taken for dead overwrites nothing that the new owner of a task has written.
type fencedExecutor struct {
	riverdriver.Executor

	lease *lease
}

// sqlHold finds the process's row, and keeps others from deleting it until the transaction
// ends. Its heartbeat may go on. SQLite has one writer at a time.
const sqlHold = "SELECT 1 FROM {process} WHERE id = $1 {{ | FOR KEY SHARE}}"

// hold runs f in a transaction if the process has its row, and otherwise reports false.
func (e fencedExecutor) hold(ctx context.Context, f func(tx riverdriver.ExecutorTx) error) (isAlive bool, err error) {
	err = within(ctx, e.Executor, func(tx riverdriver.ExecutorTx) error {
		var one int
		if isAlive, err = e.lease.core.db.row(ctx, tx, sqlHold, []any{e.lease.id}, &one); err != nil || !isAlive {
			return err
		}
		return f(tx)
	})
	return isAlive, err
}

// JobGetAvailable implements [riverdriver.Executor]. It needs no row: a task that is fetched too late is not
// begun (see lease.begin), its result is refused, and adopt gives it back.
func (e fencedExecutor) JobGetAvailable(ctx context.Context, params *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if e.lease.isLost() {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	fetched, err := e.Executor.JobGetAvailable(ctx, params)
	if err != nil || len(fetched.DecodeErrors) == 0 {
		return fetched, err
	}
	for _, job := range fetched.Jobs { // River would try again and again
		if why := fetched.DecodeErrors[job.ID]; why != nil {
			job.EncodedArgs = broken(why)
		}
	}
	fetched.DecodeErrors = nil
	return fetched, nil
}

// JobSetStateIfRunningMany implements [riverdriver.Executor].
func (e fencedExecutor) JobSetStateIfRunningMany(ctx context.Context, params *riverdriver.JobSetStateIfRunningManyParams) (set []*rivertype.JobRow, err error) {
	isAlive := true
	if e.lease.core.hasHeartbeat() {
		isAlive, err = e.hold(ctx, func(tx riverdriver.ExecutorTx) (err error) {
			set, err = tx.JobSetStateIfRunningMany(ctx, params)
			return err
		})
	} else {
		set, err = e.Executor.JobSetStateIfRunningMany(ctx, params)
	}
	if err != nil {
		return set, err // River tries again
	}
	if !isAlive {
		e.lease.refused(params.ID)
		return nil, nil
	}
	e.lease.wrote(params.ID, set)
	return set, nil
}

// JobGetStuck implements [riverdriver.Executor]. The heartbeat finds the tasks of dead processes, or rescue does.
func (e fencedExecutor) JobGetStuck(context.Context, *riverdriver.JobGetStuckParams) ([]*rivertype.JobRow, error) {
	return nil, nil
}

// lastBy returns the process that has a running task.
func lastBy(job *rivertype.JobRow) string {
	if len(job.AttemptedBy) == 0 {
		return ""
	}
	return job.AttemptedBy[len(job.AttemptedBy)-1]
}
