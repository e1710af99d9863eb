// Package durable runs callbacks that must survive a crash, or that outgrow the
// machine. A durable task is a named function with a typed payload. The payload is a
// row in a database: a SQLite file, with no server to install, or Postgres, when
// there is more than one machine. River (github.com/riverqueue/river) runs the rows;
// the metrics, spans and log records are those of package runner's callbacks.
//
// # Usage
//
// Define a task once, as a package variable:
//
//	var SendReceipt = durable.Define("order.receipt", durable.Options{Timeout: 30 * time.Second, MaxAttempts: 10},
//		func(ctx context.Context, in Receipt) error { … })
//
// Open a queue with the tasks that this process works. Each kind of database has a
// package of its own, so that a program links one driver only: [sqlite.Open],
// [postgres.Open] for pgx, [pgsql.Open] for Postgres through database/sql.
//
//	q, err := sqlite.Open(ctx, "sqlite:/var/lib/shop/tasks.db", durable.Config{Telemetry: tel}, SendReceipt)
//
// Then ask for tasks:
//
//	SendReceipt.Enqueue(ctx, q, Receipt{…})                                  // on disk when it returns
//	SendReceipt.Enqueue(ctx, q.Tx(tx), Receipt{…})                           // if and only if tx commits
//	SendReceipt.Enqueue(ctx, q, Receipt{…}, durable.Unique("order-7"), durable.In(time.Hour))
//	SendReceipt.After(ctx, q, Receipt{…})                                    // after the response, best effort until then
//
// [TxQueue.Tx] takes the transaction type of its driver. The wrong one does not compile.
//
// # Promises
//
// If Enqueue returns nil, the task is on disk. It survives the death of the process, and a
// power cut if the disk is honest. If Enqueue returns an error, the task may exist or not: try
// again with [Unique]. A task runs at least once, and tasks have no order, so tasks
// must be idempotent.
//
// An attempt that fails is followed by another one, after [Options].Backoff, up to
// [Options].MaxAttempts. Then the task is a dead letter: it stays in the database until
// [Retention].Dead is over, and [Queue.Retry] runs it again. An error can say when the next
// attempt is due ([runner.RetryIn]). An error that is marked with [runner.Permanent] makes
// the task a dead letter at once, and so does a payload that does not decode.
//
// Each process that works tasks writes a heartbeat. If a process dies, another one
// runs its tasks again within 30 seconds, whatever their timeouts are. A task whose process has
// died before waits longer, because it may be what kills processes: up to a second, then twice as long each time, up to an hour. If no
// other process lives, the next one that starts does so, 30 seconds after its start at the latest. A slow task
// of a live process never runs twice. A process that cannot write its heartbeat in time
// ends the contexts of its tasks before another process may take them, and the
// database takes no result from it any more. See [Config.DeadAfter].
//
// An attempt that a crash has ended counts, so a task that kills its process ends as a dead
// letter. An attempt that [Queue.Shutdown] interrupts does not count.
//
// Enqueue says why the database does not take a task: it is not there, read-only or full. What is in it goes on when it is
// there again. Due times go by the clock of the process that enqueues. A clock that is set keeps no task that is due from running.
//
// # Bounds
//
// A payload has at most [MaxPayload] bytes. A page of [Queue.List] has at most [MaxPage]
// tasks. [Queue.Stats] counts each state of each queue up to [MaxCount]. [Queue.Failures] looks at
// the last [MaxFailures] dead letters. So a million dead letters hang nothing.
//
// # Concurrency
//
// All types are safe for concurrent use.
//
// [sqlite.Open]: https://pkg.go.dev/github.com/afterglow-go/afterglow/durable/sqlite#Open
// [postgres.Open]: https://pkg.go.dev/github.com/afterglow-go/afterglow/durable/postgres#Open
// [pgsql.Open]: https://pkg.go.dev/github.com/afterglow-go/afterglow/durable/pgsql#Open
package durable
