package durable

import (
	"context"

	"github.com/riverqueue/river"

	"github.com/afterglow-go/afterglow/runner"
)

// Queue is a database with tasks, and what this process does with them. Open of a driver's package
// returns it, as a [TxQueue].
type Queue struct {
	core *core
}

// TxQueue is a [Queue] with the transactions of its driver: pgx.Tx or *sql.Tx.
type TxQueue[Tx any] struct {
	*Queue

	engine *engineOf[Tx]
}

// Tx returns what enqueues in a transaction of the queue's own database. The transaction is
// the caller's to commit.
func (q *TxQueue[Tx]) Tx(tx Tx) Enqueuer { return txEnqueuer[Tx]{q, tx} }

// River returns the engine's client, to enqueue and to look, for what this package does not have. What it changes is
// not counted, and its types may change with each version.
func (q *TxQueue[Tx]) River() *river.Client[Tx] { return q.engine.client }

// Get returns one task. It fails with [ErrNotFound] if there is none.
func (q *Queue) Get(ctx context.Context, id int64) (Info, error) { return q.core.get(ctx, id) }

// List returns a page of tasks, the newest first.
func (q *Queue) List(ctx context.Context, f Filter) (Page, error) { return q.core.list(ctx, f) }

// Failures returns the groups of dead letters, of the names and queues of f. It looks at the newest
// MaxFailures, and returns the MaxGroups largest groups of these.
func (q *Queue) Failures(ctx context.Context, f Filter) (Failures, error) {
	return q.core.failures(ctx, f)
}

// Retry makes a task due now, with as many attempts as its name has at first, if it is a dead letter or was canceled. One that
// waits for its next attempt starts now. One that is due, runs or has succeeded stays as it is. It fails with [ErrNotFound] if there
// is none, and with [ErrDuplicate] if another task has its key of [Unique] by now.
func (q *Queue) Retry(ctx context.Context, id int64) error { return q.core.retry(ctx, id) }

// RetryAll retries at most [Filter].Limit dead letters that f chooses, as Retry does; those whose key of [Unique] another task has stay
// dead letters. Call it with [Changed].Next until that is empty.
func (q *Queue) RetryAll(ctx context.Context, f Filter) (Changed, error) {
	return q.core.retryAll(ctx, f)
}

// Cancel cancels a task. One that waits is canceled at once. The context of one that runs ends, with the
// cause [ErrCanceled], wherever it runs: within five seconds with the default of Config.DeadAfter, even if no notification reaches that process. If it
// then returns an error it ends as canceled, and if it returns nil it is done. A task that has ended stays as it is. It fails
// with [ErrNotFound] if there is none.
func (q *Queue) Cancel(ctx context.Context, id int64) error { return q.core.cancel(ctx, id) }

// CancelAll cancels at most [Filter].Limit tasks that f chooses and that have not ended, as Cancel
// does. Call it with [Changed].Next until that is empty.
func (q *Queue) CancelAll(ctx context.Context, f Filter) (Changed, error) {
	return q.core.cancelAll(ctx, f)
}

// Pause stops all processes from starting tasks of a queue; those that run go on. Empty: all queues.
// A process that no notification reaches sees it within a minute.
func (q *Queue) Pause(ctx context.Context, queue string) error { return q.core.pause(ctx, queue) }

// Resume ends a pause. Empty: that of all queues.
func (q *Queue) Resume(ctx context.Context, queue string) error { return q.core.resume(ctx, queue) }

// Function returns the function that a task of this name runs, and where it is. It is the zero Function if this
// process does not know the name.
func (q *Queue) Function(name string) runner.Function {
	task := q.core.tasks[name]
	if task == nil {
		return runner.Function{}
	}
	return runner.Callback{Func: task.defined().entry}.Function()
}

// Stats returns what is in the database. It reads at most MaxQueues queues.
func (q *Queue) Stats(ctx context.Context) (Stats, error) { return q.core.stats(ctx) }

// Processes returns the processes that work tasks, those whose heartbeat has failed lately included.
func (q *Queue) Processes(ctx context.Context) ([]Process, error) { return q.core.processes(ctx) }

// Snapshot returns what this process has counted, in the books of package runner. Asked counts what was
// enqueued or retried here, and Outcomes what was ended here, so they balance over all processes and not in one. Each task ends once, when
// the database has taken its result. An attempt that will be followed by another one is counted in Retries.
func (q *Queue) Snapshot() runner.Snapshot { return q.core.snapshot() }

// Shutdown stops fetching tasks, and waits for those that run here. When nine tenths of
// the time of ctx are over (or one second is left, whichever is later), it ends their contexts with the cause
// [runner.ErrShutdown]. A task that then returns an error goes back into the database, and its attempt
// does not count. One that does not return is abandoned: another process runs it again, within the bound of
// a dead process.
//
// The Report names both, as that of a [runner.Runner] does. The error is nil if there are none, all results are
// written, and nothing of the queue goes on running. Tasks that wait in the database are in
// no report: they are not lost. Shutdown may be called more than once; it then returns the same.
func (q *Queue) Shutdown(ctx context.Context) (runner.Report, error) { return q.core.shutdown(ctx) }
