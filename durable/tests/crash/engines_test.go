package crash_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/postgres"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// engine is what the suite needs of an engine.
type engine struct {
	name string
	dsn  func(t testing.TB) string
	open func(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*opened, error)

	// isLocked reports whether a process holds a lock that stops all others. nil: there is no such lock.
	isLocked func(t testing.TB, dsn string) bool
}

// opened is a queue, and the application's own tables in the same database.
type opened struct {
	*durable.Queue

	// within runs f in a transaction of the application. It is rolled back if f returns an error.
	within func(ctx context.Context, f func(exec execFunc, to durable.Enqueuer) error) error
	// keys reads a column of text.
	keys func(ctx context.Context, query string) ([]string, error)
}

type execFunc func(query string, args ...any) error

var engines = map[string]engine{
	"sqlite": {"sqlite", func(t testing.TB) string {
		return sqlite.Scheme + filepath.Join(t.TempDir(), "tasks.db")
	}, openSQLite, isLockedSQLite},
	"postgres": {"postgres", pgtest.DSN, openPostgres, nil},
	"pgsql":    {"pgsql", pgtest.DSN, openPGSQL, nil},
}

func openSQLite(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*opened, error) {
	db, err := sqlite.OpenDB(dsn)
	if err != nil {
		return nil, err
	}
	q, err := sqlite.Open(ctx, dsn, cfg, tasks...)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return ofSQL(db, q), nil
}

func isLockedSQLite(t testing.TB, dsn string) bool {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(dsn, sqlite.Scheme)+"?_txlock=immediate") // which does not wait
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err == nil {
		require.NoError(t, tx.Rollback())
	}
	return err != nil
}

func openPGSQL(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*opened, error) {
	db, err := pgsql.OpenDB(dsn)
	if err != nil {
		return nil, err
	}
	q, err := pgsql.Open(ctx, dsn, cfg, tasks...)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return ofSQL(db, q), nil
}

func ofSQL(db *sql.DB, q *durable.TxQueue[*sql.Tx]) *opened {
	return &opened{q.Queue, func(ctx context.Context, f func(execFunc, durable.Enqueuer) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		err = f(func(query string, args ...any) error {
			_, err := tx.ExecContext(ctx, query, args...)
			return err
		}, q.Tx(tx))
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}, func(ctx context.Context, query string) (all []string, err error) {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			all = append(all, key)
		}
		return all, errors.Join(rows.Err(), rows.Close())
	}}
}

func openPostgres(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*opened, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	q, err := postgres.Open(ctx, dsn, cfg, tasks...)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &opened{q.Queue, func(ctx context.Context, f func(execFunc, durable.Enqueuer) error) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return f(func(query string, args ...any) error {
				_, err := tx.Exec(ctx, query, args...)
				return err
			}, q.Tx(tx))
		})
	}, func(ctx context.Context, query string) ([]string, error) {
		rows, err := pool.Query(ctx, query)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}}, nil
}
