//go:build unix

package rates_test

import (
	"context"
	"database/sql"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// Both sides have the settings that a Queue has by default.
const (
	workers  = 100
	cooldown = 5e6 // nanoseconds
	poll     = 1e9
	conns    = 8
)

// payload is that of both sides.
type payload struct {
	Order    int
	Customer string
}

// Kind implements [river.JobArgs].
func (payload) Kind() string { return "bare" }

type bareWorker struct {
	river.WorkerDefaults[payload]

	counter *counter
}

func (w *bareWorker) Work(context.Context, *river.Job[payload]) error {
	w.counter.count()
	return nil
}

// bareOf is River without this package.
type bareOf[Tx any] struct {
	driver  riverdriver.Driver[Tx]
	client  *river.Client[Tx] // enqueues
	counter *counter
}

func newBare[Tx any](b *testing.B, driver riverdriver.Driver[Tx], c *counter) side {
	b.Helper()
	m, err := rivermigrate.New(driver, nil)
	require.NoError(b, err)
	_, err = m.Migrate(b.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(b, err)
	client, err := river.NewClient(driver, &river.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	return &bareOf[Tx]{driver, client, c}
}

func (s *bareOf[Tx]) enqueue(ctx context.Context, n int) error {
	_, err := s.client.Insert(ctx, payload{n, "customer"}, nil)
	return err
}

func (s *bareOf[Tx]) enqueueAll(ctx context.Context, n int) error {
	all := make([]river.InsertManyParams, n)
	for i := range all {
		all[i].Args = payload{i, "customer"}
	}
	_, err := s.client.InsertMany(ctx, all)
	return err
}

func (s *bareOf[Tx]) work(b *testing.B) (stop func()) {
	b.Helper()
	all := river.NewWorkers()
	river.AddWorker(all, &bareWorker{counter: s.counter})
	client, err := river.NewClient(s.driver, &river.Config{
		Queues: map[string]river.QueueConfig{"default": {MaxWorkers: workers}}, Workers: all,
		FetchCooldown: cooldown, FetchPollInterval: poll, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	require.NoError(b, client.Start(context.Background()))
	return func() { require.NoError(b, client.Stop(context.Background())) }
}

func bareSQLite(b *testing.B, dsn string, c *counter) side {
	b.Helper()
	db, err := sqlite.OpenDB(dsn)
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	return newBare[*sql.Tx](b, riversqlite.New(db), c)
}

func barePostgres(b *testing.B, dsn string, c *counter) side {
	b.Helper()
	of, err := pgxpool.ParseConfig(dsn)
	require.NoError(b, err)
	of.MaxConns = conns
	pool, err := pgxpool.NewWithConfig(b.Context(), of)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return newBare[pgx.Tx](b, riverpgxv5.New(pool), c)
}
