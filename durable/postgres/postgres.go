// Package postgres keeps durable tasks in Postgres, with the transactions of pgx. For an application that uses
// database/sql see package pgsql; the tables are the same.
package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/engine"
	"github.com/afterglow-go/afterglow/durable/internal/pgdsn"
)

// Queue is a queue in Postgres, with the transactions of pgx.
type Queue = durable.TxQueue[pgx.Tx]

// minConns is how many connections a queue needs at least: one listens, and the others fetch, write results
// and enqueue.
const minConns = 8

// Open connects to a database and makes the tables in it. The DSN is what [pgxpool.ParseConfig] takes, as in
// postgres://shop@db/shop?pool_max_conns=20. Shutdown closes the connections.
//
// One more connection is for the heartbeat alone.
func Open(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*Queue, error) {
	of, err := pgdsn.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		of.MaxConns = max(of.MaxConns, minConns)
	}
	pool, err := pgxpool.NewWithConfig(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return open(ctx, pool, true, cfg, tasks)
}

// New is [Open] with the application's own pool, which Shutdown leaves open.
func New(ctx context.Context, pool *pgxpool.Pool, cfg durable.Config, tasks ...durable.Definition) (*Queue, error) {
	return open(ctx, pool, false, cfg, tasks)
}

func open(ctx context.Context, pool *pgxpool.Pool, owned bool, cfg durable.Config, tasks []durable.Definition) (*Queue, error) {
	of := pool.Config()
	of.MaxConns, of.MinConns, of.MinIdleConns = 1, 0, 0
	beats, err := pgxpool.NewWithConfig(ctx, of)
	if err != nil {
		if owned {
			pool.Close()
		}
		return nil, fmt.Errorf("postgres: %w", err)
	}
	q, err := durable.New(ctx, engine.Engine[pgx.Tx]{
		Driver: riverpgxv5.New(pool), Beats: riverpgxv5.New(beats).GetExecutor(),
		Close: func(ctx context.Context) error {
			if owned {
				go pool.Close() // it waits for connections that an abandoned task may hold
			}
			go beats.Close()
			return nil
		},
	}, cfg, tasks...)
	return q, pgdsn.Explain(err)
}

// Migrations returns what an operator has to run on an empty database for [durable.Config].SkipMigrations: with psql -v
// ON_ERROR_STOP=1 -f, or as one statement. Each version is a transaction of its own. The tables are in the schema, as in
// [durable.Config].Schema. The schema must exist. Empty: the first of the search_path.
func Migrations(schema string) (string, error) {
	return durable.PrintMigrations(engine.Engine[pgx.Tx]{Driver: riverpgxv5.New(nil)}, schema)
}
