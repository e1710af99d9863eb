package durable_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/engine"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/pgtest"
)

// ledger is what a test has asked for, and what has run.
type ledger struct {
	t    *testing.T
	task *durable.Task[int]
	ran  chan int
	ids  []int64 // of what was acknowledged
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{t: t, ran: make(chan int, 10_000)}
	l.task = durable.Define("ledger", durable.Options{Backoff: soon, MaxAttempts: 20}, func(_ context.Context, i int) error {
		l.ran <- i
		return nil
	})
	return l
}

// enqueue asks for a task, and returns the error of that within a few seconds.
func (l *ledger) enqueue(q *durable.Queue) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	e, err := l.task.Enqueue(ctx, q, len(l.ids))
	if err == nil {
		l.ids = append(l.ids, e.ID)
	}
	return err
}

// requireDone waits until all that was acknowledged is done.
func (l *ledger) requireDone(s store, q *durable.Queue) {
	l.t.Helper()
	require.NotEmpty(l.t, l.ids)
	for _, id := range l.ids {
		s.await(q, id, durable.StateDone)
	}
}

// endConnections ends all other connections to the database, as a failover does.
func (s store) endConnections() {
	s.t.Helper()
	s.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
}

func TestAServerThatStopsAndComesBackLosesNothing(t *testing.T) {
	for name, open := range map[string]enginetest.Open{"postgres": enginetest.Postgres, "pgsql": enginetest.PGSQL} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.Own(t)
			s := store{t, server.DSN(), open}
			l := newLedger(t)
			started := make(chan struct{}, 10)
			causes := make(chan error, 10)
			q := s.queue(durable.Config{DeadAfter: 2 * time.Second}, l.task, waiting(started, causes))
			for range 20 {
				require.NoError(t, l.enqueue(q))
			}
			long, err := waiting(nil, nil).Enqueue(t.Context(), q, 1)
			require.NoError(t, err)
			receive(t, started)

			server.Stop()
			began := time.Now()
			require.Error(t, l.enqueue(q))
			require.Less(t, time.Since(began), 10*time.Second)
			require.ErrorIs(t, receive(t, causes), durable.ErrLeaseLost, "it may not speak for its task any more")

			server.Start()
			require.Eventually(t, func() bool { return l.enqueue(q) == nil }, patience, 100*time.Millisecond)
			l.requireDone(s, q)
			receive(t, started) // the one that was interrupted runs again
			require.NoError(t, q.Cancel(t.Context(), long.ID))
			s.await(q, long.ID, durable.StateCanceled)
		})
	}
}

func TestADatabaseThatBecomesReadOnlySaysSoAndLosesNothing(t *testing.T) {
	for name, open := range map[string]enginetest.Open{"postgres": enginetest.Postgres, "pgsql": enginetest.PGSQL} {
		t.Run(name, func(t *testing.T) {
			s := store{t, pgtest.DSN(t), open}
			l := newLedger(t)
			q := s.queue(durable.Config{DeadAfter: 2 * time.Second}, l.task)
			require.NoError(t, l.enqueue(q))
			var database string
			require.NoError(t, s.db().QueryRowContext(t.Context(), "SELECT current_database()").Scan(&database))

			s.exec("ALTER DATABASE " + database + " SET default_transaction_read_only = on")
			s.endConnections()
			require.Eventually(t, func() bool { // the first call may meet a connection that was ended
				err := l.enqueue(q)
				return err != nil && strings.Contains(err.Error(), "read-only transaction")
			}, patience, 50*time.Millisecond)
			_, err := s.open(t.Context(), s.dsn, s.quiet(durable.Config{}), l.task)
			require.ErrorContains(t, err, "connect to the primary")

			s.exec("BEGIN READ WRITE; ALTER DATABASE " + database + " RESET default_transaction_read_only; COMMIT")
			s.endConnections()
			require.Eventually(t, func() bool { return l.enqueue(q) == nil }, patience, 100*time.Millisecond)
			l.requireDone(s, q)
		})
	}
}

func TestAFileThatIsFullSaysSoAndLosesNothing(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "tasks.db")+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(1)
	s := store{t: t}
	l := newLedger(t)
	large := durable.Define("large", durable.Options{}, func(_ context.Context, _ mail) error { return nil })
	of, err := durable.New(t.Context(), engine.Engine[*sql.Tx]{Driver: riversqlite.New(db)}, s.quiet(durable.Config{DeadAfter: 2 * time.Second}), l.task, large)
	require.NoError(t, err)
	q := of.Queue
	t.Cleanup(func() { s.shutdown(q) })

	setPages := func(pages string) {
		_, err := db.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages)
		require.NoError(t, err)
	}
	var pages int
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages))
	setPages(fmt.Sprint(pages + 10))
	for i := 0; err == nil && i < 100; i++ {
		_, err = large.Enqueue(t.Context(), q, mail{strings.Repeat("x", 100_000)})
	}
	require.ErrorContains(t, err, "full")
	for i := 0; i < 200 && l.enqueue(q) == nil; i++ { // what still fits
	}
	setPages("1000000")
	require.Eventually(t, func() bool { return l.enqueue(q) == nil }, patience, 100*time.Millisecond)
	l.requireDone(s, q)
}

func TestShutdownEndsInTimeWhenTheDatabaseIsGone(t *testing.T) {
	server := pgtest.Own(t)
	s := store{t, server.DSN(), enginetest.Postgres}
	l := newLedger(t)
	q, err := s.open(t.Context(), s.dsn, s.quiet(durable.Config{}), l.task)
	require.NoError(t, err)
	require.NoError(t, l.enqueue(q))
	receive(t, l.ran)
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	began := time.Now()
	_, err = q.Shutdown(ctx)
	t.Logf("Shutdown: %v", err)
	require.Less(t, time.Since(began), 10*time.Second)
}

// holding is a handler that keeps who writes a record of that message.
type holding struct {
	slog.Handler

	message       string
	held, release chan struct{}
}

func (h holding) Enabled(context.Context, slog.Level) bool { return true }

func (h holding) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, h.message) {
		select {
		case h.held <- struct{}{}:
		case <-h.release:
		}
		<-h.release
	}
	return h.Handler.Handle(ctx, r)
}

func (h holding) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.Handler = h.Handler.WithAttrs(attrs)
	return h
}

func TestShutdownWaitsForTheClientOfALostLeaseUntilItsTimeIsOver(t *testing.T) {
	for name, isBack := range map[string]bool{"another lease has followed": true, "none has": false} {
		t.Run(name, func(t *testing.T) {
			server := pgtest.Own(t)
			s := store{t, server.DSN(), enginetest.Postgres}
			h := holding{slog.DiscardHandler, "Error attempting to resign", make(chan struct{}), make(chan struct{})}
			q, err := s.open(t.Context(), s.dsn, durable.Config{DeadAfter: 2 * time.Second, Logger: slog.New(h)}, newLedger(t).task)
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				stats, err := q.Stats(context.Background())
				return err == nil && stats.Leader != ""
			}, patience, 20*time.Millisecond, "it leads, and so has something to give up")

			server.Stop()
			receive(t, h.held) // the lost lease's elector
			defer close(h.release)
			if isBack {
				server.Start()
				other := s.queue(durable.Config{Role: durable.EnqueueOnly})
				require.Eventually(t, func() bool {
					processes, err := other.Processes(context.Background())
					return err == nil && len(processes) == 2
				}, patience, 20*time.Millisecond)
			}

			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			shut := make(chan error)
			go func() {
				_, err := q.Shutdown(ctx)
				shut <- err
			}()
			require.ErrorContains(t, receive(t, shut), "a lost lease")
		})
	}
}
