// Package pgsql keeps durable tasks in Postgres, with the transactions of database/sql. It connects by pgx, and so hears of new
// tasks at once, as package postgres does; the tables are the same.
package pgsql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/engine"
	"github.com/afterglow-go/afterglow/durable/internal/pgdsn"
)

// Queue is a queue in Postgres, with the transactions of database/sql.
type Queue = durable.TxQueue[*sql.Tx]

// maxConns bounds the connections that Open makes for the queue's own work.
const maxConns = 8

// Open connects to a database and makes the tables in it. The DSN is one of pgx, as in postgres://shop@db/shop. Shutdown closes the
// connections.
//
// Two more connections are for notifications and for the heartbeat.
func Open(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*Queue, error) {
	db, err := OpenDB(dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return open(ctx, db, dsn, true, cfg, tasks)
}

// New is [Open] with the application's own pool, which Shutdown leaves open. The DSN is that of
// the same database.
func New(ctx context.Context, db *sql.DB, dsn string, cfg durable.Config, tasks ...durable.Definition) (*Queue, error) {
	return open(ctx, db, dsn, false, cfg, tasks)
}

// OpenDB opens a pool of the database, for the application's own tables.
func OpenDB(dsn string) (*sql.DB, error) {
	of, err := pgdsn.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("pgsql: %w", err)
	}
	return stdlib.OpenDB(*of.ConnConfig), nil
}

func open(ctx context.Context, db *sql.DB, dsn string, owned bool, cfg durable.Config, tasks []durable.Definition) (*Queue, error) {
	fail := func(err error) (*Queue, error) {
		if owned {
			err = errors.Join(err, db.Close())
		}
		return nil, fmt.Errorf("pgsql: %w", err)
	}
	of, err := pgdsn.Parse(dsn)
	if err != nil {
		return fail(err)
	}
	of.MaxConns, of.MinConns, of.MinIdleConns = 2, 0, 0
	side, err := pgxpool.NewWithConfig(ctx, of)
	if err != nil {
		return fail(err)
	}
	q, err := durable.New(ctx, engine.Engine[*sql.Tx]{
		Driver: riverdatabasesql.NewWithPgxListener(db, side), Beats: riverpgxv5.New(side).GetExecutor(),
		Close: func(context.Context) error {
			go side.Close() // it waits for its connections
			if owned {
				return db.Close()
			}
			return nil
		},
	}, cfg, tasks...)
	return q, pgdsn.Explain(err)
}

// Migrations returns what an operator has to run on an empty database for [durable.Config].SkipMigrations: with psql -v
// ON_ERROR_STOP=1 -f, or as one statement. Each version is a transaction of its own. The tables are in the schema, as in
// [durable.Config].Schema. The schema must exist. Empty: the first of the search_path.
func Migrations(schema string) (string, error) {
	return durable.PrintMigrations(engine.Engine[*sql.Tx]{Driver: riverdatabasesql.New(nil)}, schema)
}
