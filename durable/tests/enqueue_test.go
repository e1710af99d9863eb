package durable_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/postgres"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/runner"
)

// idle is a task that nobody works.
var idle = durable.Define("idle", durable.Options{}, func(context.Context, mail) error { return nil })

var enqueueOnly = durable.Config{Role: durable.EnqueueOnly}

func TestATaskOfATransactionExistsIfAndOnlyIfItCommits(t *testing.T) {
	check := func(t *testing.T, q *durable.Queue, enqueue func(commit bool) error) {
		t.Helper()
		require.NoError(t, enqueue(false))
		page, err := q.List(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Empty(t, page.Tasks)
		require.NoError(t, enqueue(true))
		page, err = q.List(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Len(t, page.Tasks, 1)
	}
	viaSQL := func(t *testing.T, q *durable.TxQueue[*sql.Tx], db *sql.DB) func(bool) error {
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return func(commit bool) error {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = idle.Enqueue(t.Context(), q.Tx(tx), mail{"x"})
			require.NoError(t, err)
			if commit {
				return tx.Commit()
			}
			return tx.Rollback()
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		s := store{t, sqliteDSN(t), enginetest.SQLite}
		q, err := sqlite.Open(t.Context(), s.dsn, s.quiet(enqueueOnly))
		require.NoError(t, err)
		t.Cleanup(func() { s.shutdown(q.Queue) })
		db, err := sqlite.OpenDB(s.dsn)
		require.NoError(t, err)
		check(t, q.Queue, viaSQL(t, q, db))
	})
	t.Run("pgsql", func(t *testing.T) {
		s := store{t, pgtest.DSN(t), enginetest.PGSQL}
		q, err := pgsql.Open(t.Context(), s.dsn, s.quiet(enqueueOnly))
		require.NoError(t, err)
		t.Cleanup(func() { s.shutdown(q.Queue) })
		db, err := pgsql.OpenDB(s.dsn)
		require.NoError(t, err)
		check(t, q.Queue, viaSQL(t, q, db))
	})
	t.Run("postgres", func(t *testing.T) {
		s := store{t, pgtest.DSN(t), enginetest.Postgres}
		q, err := postgres.Open(t.Context(), s.dsn, s.quiet(enqueueOnly))
		require.NoError(t, err)
		t.Cleanup(func() { s.shutdown(q.Queue) })
		pool, err := pgxpool.New(t.Context(), s.dsn)
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		check(t, q.Queue, func(commit bool) error {
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = idle.Enqueue(t.Context(), q.Tx(tx), mail{"x"})
			require.NoError(t, err)
			if commit {
				return tx.Commit(t.Context())
			}
			return tx.Rollback(t.Context())
		})
	})
}

func TestAfterATransactionIsRefused(t *testing.T) {
	s := store{t, sqliteDSN(t), enginetest.SQLite}
	q, err := sqlite.Open(t.Context(), s.dsn, s.quiet(enqueueOnly))
	require.NoError(t, err)
	t.Cleanup(func() { s.shutdown(q.Queue) })
	tx, err := s.db().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.ErrorContains(t, idle.After(t.Context(), q.Tx(tx), mail{}), "transaction")
	require.NoError(t, tx.Rollback())
}

func TestUniqueLetsATaskExistOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("once", durable.Options{}, func(context.Context, int) error { return nil })
		q := s.queue(durable.Config{}, task)
		first, err := task.Enqueue(t.Context(), q, 1, durable.Unique("order-7"))
		require.NoError(t, err)
		require.False(t, first.Duplicate)
		s.await(q, first.ID, durable.StateDone)
		second, err := task.Enqueue(t.Context(), q, 2, durable.Unique("order-7"))
		require.NoError(t, err)
		require.Equal(t, durable.Enqueued{ID: first.ID, Duplicate: true}, second, "a task that is done counts")
		other, err := task.Enqueue(t.Context(), q, 3, durable.Unique("order-8"))
		require.NoError(t, err)
		require.False(t, other.Duplicate)
		require.EqualValues(t, 1, q.Snapshot().Outcomes[runner.OutcomeCoalesced])
	})
}

func TestEnqueueAllTakesAllOrNone(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(enqueueOnly)
		_, err := q.EnqueueAll(t.Context(), idle.With(mail{"a"}), idle.With(mail{strings.Repeat("x", durable.MaxPayload)}))
		require.ErrorIs(t, err, durable.ErrPayloadTooLarge)
		all, err := q.EnqueueAll(t.Context(), idle.With(mail{"a"}), idle.With(mail{"b"}, durable.Priority(2), durable.OnQueue("slow")))
		require.NoError(t, err)
		require.Len(t, all, 2)
		page, err := q.List(t.Context(), durable.Filter{Queues: []string{"slow"}})
		require.NoError(t, err)
		require.Len(t, page.Tasks, 1)
		require.Equal(t, 2, page.Tasks[0].Priority)
		require.Equal(t, all[1].ID, page.Tasks[0].ID)
	})
}

func TestATaskThatNobodyKnowsStaysWhereItIs(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		done := make(chan int, 1)
		known := durable.Define("known", durable.Options{}, func(context.Context, int) error {
			done <- 1
			return nil
		})
		q := s.queue(durable.Config{}, known)
		unknown, err := idle.Enqueue(t.Context(), q, mail{}) // first in the queue
		require.NoError(t, err)
		_, err = known.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		receive(t, done)
		info, err := q.Get(t.Context(), unknown.ID)
		require.NoError(t, err)
		require.Equal(t, durable.StateDue, info.State)
		require.Zero(t, info.Attempt)
	})
}

func TestAfterEnqueuesWhenTheScopeIsReleased(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(enqueueOnly)
		r, err := runner.New(runner.Config{})
		require.NoError(t, err)
		ctx, release := r.Scope(t.Context())
		require.NoError(t, idle.After(ctx, q, mail{"a"}))
		require.NoError(t, durable.AfterAll(ctx, q, idle.With(mail{"b"}), idle.With(mail{"c"})))
		page, err := q.List(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Empty(t, page.Tasks)
		release(nil)
		_, err = r.Shutdown(t.Context())
		require.NoError(t, err)
		page, err = q.List(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Len(t, page.Tasks, 3)
		require.ErrorIs(t, idle.After(t.Context(), q, mail{}), runner.ErrNoScope)
	})
}

func TestATaskWithATimeWaitsForIt(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		ran := make(chan time.Time, 1)
		task := durable.Define("later", durable.Options{}, func(context.Context, int) error {
			ran <- time.Now()
			return nil
		})
		q := s.queue(durable.Config{}, task)
		due := time.Now().Add(time.Second)
		e, err := task.Enqueue(t.Context(), q, 1, durable.At(due))
		require.NoError(t, err)
		info, err := q.Get(t.Context(), e.ID)
		require.NoError(t, err)
		require.Equal(t, durable.StateScheduled, info.State)
		require.False(t, receive(t, ran).Before(due.Truncate(time.Millisecond)))
	})
}
