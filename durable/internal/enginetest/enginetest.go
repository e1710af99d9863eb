// Package enginetest opens queues on each engine, for tests and benchmarks that are the same on all of them.
package enginetest

import (
	"context"
	"strings"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/postgres"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// Open opens a queue, without the transactions of its driver.
type Open func(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*durable.Queue, error)

// SQLite opens a file.
func SQLite(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*durable.Queue, error) {
	return queueOf(sqlite.Open(ctx, dsn, cfg, tasks...))
}

// Postgres opens a database by pgx.
func Postgres(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*durable.Queue, error) {
	return queueOf(postgres.Open(ctx, dsn, cfg, tasks...))
}

// PGSQL opens a database of Postgres by database/sql.
func PGSQL(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*durable.Queue, error) {
	return queueOf(pgsql.Open(ctx, dsn, cfg, tasks...))
}

// Of returns what opens a DSN.
func Of(dsn string) Open {
	if strings.HasPrefix(dsn, sqlite.Scheme) {
		return SQLite
	}
	return Postgres
}

func queueOf[Tx any](q *durable.TxQueue[Tx], err error) (*durable.Queue, error) {
	if err != nil {
		return nil, err
	}
	return q.Queue, nil
}
