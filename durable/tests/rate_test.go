package durable_test

import (
	"context"
	"database/sql"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/pgtest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// Both sides have the settings that a Queue has by default.
const (
	benchWorkers  = 100
	benchCooldown = 5e6 // nanoseconds
	benchBatch    = 500
)

// reportCPU reports the processor time of this process too, which other processes disturb less.
func reportCPU(b *testing.B, before time.Duration) {
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// counter counts tasks down.
type counter struct {
	left atomic.Int64
	done chan struct{}
}

func (c *counter) expect(n int) {
	c.left.Store(int64(n))
	c.done = make(chan struct{})
}

func (c *counter) count() {
	if c.left.Add(-1) == 0 {
		close(c.done)
	}
}

type bareArgs struct{ N int }

func (bareArgs) Kind() string { return "bare" }

type bareWorker struct {
	river.WorkerDefaults[bareArgs]

	counter *counter
}

func (w *bareWorker) Work(context.Context, *river.Job[bareArgs]) error {
	w.counter.count()
	return nil
}

// bare is River without this package.
func bare[Tx any](b *testing.B, driver riverdriver.Driver[Tx], c *counter) *river.Client[Tx] {
	m, err := rivermigrate.New(driver, nil)
	require.NoError(b, err)
	_, err = m.Migrate(b.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(b, err)
	workers := river.NewWorkers()
	river.AddWorker(workers, &bareWorker{counter: c})
	client, err := river.NewClient(driver, &river.Config{
		Queues: map[string]river.QueueConfig{"default": {MaxWorkers: benchWorkers}}, Workers: workers,
		FetchCooldown: benchCooldown, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	return client
}

func benchBare[Tx any](b *testing.B, client *river.Client[Tx], c *counter, working bool) {
	if !working {
		for b.Loop() {
			_, err := client.Insert(b.Context(), bareArgs{}, nil)
			require.NoError(b, err)
		}
		return
	}
	c.expect(b.N)
	for n := b.N; n > 0; n -= benchBatch {
		batch := make([]river.InsertManyParams, min(n, benchBatch))
		for i := range batch {
			batch[i].Args = bareArgs{i}
		}
		_, err := client.InsertMany(b.Context(), batch)
		require.NoError(b, err)
	}
	b.ResetTimer()
	before := cpu(b)
	require.NoError(b, client.Start(context.Background()))
	<-c.done
	require.NoError(b, client.Stop(context.Background()))
	b.StopTimer()
	reportCPU(b, before)
}

func benchDurable(b *testing.B, open openFunc, dsn string, working bool) {
	var c counter
	task := durable.Define("bench", durable.Options{}, func(context.Context, bareArgs) error {
		c.count()
		return nil
	})
	cfg := durable.Config{Role: durable.EnqueueOnly, Logger: slog.New(slog.DiscardHandler)}
	q, err := open(b.Context(), dsn, cfg)
	require.NoError(b, err)
	if !working {
		for b.Loop() {
			_, err := task.Enqueue(b.Context(), q, bareArgs{})
			require.NoError(b, err)
		}
	} else {
		c.expect(b.N)
		for n := b.N; n > 0; n -= benchBatch {
			batch := make([]durable.Item, min(n, benchBatch))
			for i := range batch {
				batch[i] = task.With(bareArgs{i})
			}
			_, err := q.EnqueueAll(b.Context(), batch...)
			require.NoError(b, err)
		}
		cfg.Role = durable.Full
		cfg.Telemetry = newSeenForBench(b)
		b.ResetTimer()
		before := cpu(b)
		worker, err := open(b.Context(), dsn, cfg, task)
		require.NoError(b, err)
		<-c.done
		_, err = worker.Shutdown(context.Background())
		require.NoError(b, err)
		b.StopTimer()
		reportCPU(b, before)
	}
	_, err = q.Shutdown(context.Background())
	require.NoError(b, err)
}

// BenchmarkRates measures this package beside bare River with the same settings: tasks enqueued one by one, and tasks
// worked, with telemetry.
func BenchmarkRates(b *testing.B) {
	for _, phase := range []struct {
		name    string
		working bool
	}{{"enqueue", false}, {"work", true}} {
		b.Run(phase.name+"/sqlite/bare", func(b *testing.B) {
			db, err := sqlite.OpenDB(sqliteDSN(b))
			require.NoError(b, err)
			defer func() { _ = db.Close() }()
			var c counter
			benchBare[*sql.Tx](b, bare[*sql.Tx](b, riversqlite.New(db), &c), &c, phase.working)
		})
		b.Run(phase.name+"/sqlite/durable", func(b *testing.B) { benchDurable(b, openSQLite, sqliteDSN(b), phase.working) })
		b.Run(phase.name+"/postgres/bare", func(b *testing.B) {
			of, err := pgxpool.ParseConfig(pgtest.DSN(b))
			require.NoError(b, err)
			of.MaxConns = 8
			pool, err := pgxpool.NewWithConfig(b.Context(), of)
			require.NoError(b, err)
			defer pool.Close()
			var c counter
			benchBare[pgx.Tx](b, bare[pgx.Tx](b, riverpgxv5.New(pool), &c), &c, phase.working)
		})
		b.Run(phase.name+"/postgres/durable", func(b *testing.B) { benchDurable(b, openPostgres, pgtest.DSN(b), phase.working) })
	}
}
