package durable_test

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// db opens the database for statements of the test's own.
func (s store) db() *sql.DB {
	s.t.Helper()
	open := pgsql.OpenDB
	if s.isSQLite() {
		open = sqlite.OpenDB
	}
	db, err := open(s.dsn)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { require.NoError(s.t, db.Close()) })
	return db
}

func (s store) isSQLite() bool { return strings.HasPrefix(s.dsn, sqlite.Scheme) }

// silence keeps all processes from writing heartbeats until it is ended.
func (s store) silence() (end func()) {
	s.t.Helper()
	tx, err := s.db().BeginTx(context.Background(), nil) // SQLite's holds the lock from the beginning
	require.NoError(s.t, err)
	if !s.isSQLite() {
		_, err = tx.ExecContext(context.Background(), "LOCK TABLE afterglow_process IN ACCESS EXCLUSIVE MODE")
		require.NoError(s.t, err)
	}
	s.t.Cleanup(func() { _ = tx.Rollback() }) // of a test that fails
	return func() { require.NoError(s.t, tx.Rollback()) }
}

func TestAProcessThatCannotWriteItsHeartbeatEndsItsTasksAndOverwritesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 3 * time.Second
		var runs atomic.Int32
		causes, starts, late, goOn := make(chan error, 1), make(chan int32, 10), make(chan struct{}), make(chan struct{})
		task := durable.Define("stubborn", durable.Options{Timeout: time.Hour}, func(ctx context.Context, _ int) error {
			run := runs.Add(1)
			starts <- run
			if run == 1 {
				<-ctx.Done()
				causes <- context.Cause(ctx)
				<-late
				return nil
			}
			<-goOn
			return nil
		})
		first := s.queue(durable.Config{DeadAfter: deadAfter}, task)
		s.queue(durable.Config{DeadAfter: deadAfter}, task)
		e, err := task.Enqueue(t.Context(), first, 1)
		require.NoError(t, err)
		receive(t, starts)

		end := s.silence()
		began := time.Now()
		require.ErrorIs(t, receive(t, causes), durable.ErrLeaseLost)
		require.Less(t, time.Since(began), deadAfter, "before others may take it")
		end()
		require.EqualValues(t, 2, receive(t, starts), "whichever lease takes it now")
		owner, err := first.Get(t.Context(), e.ID)
		require.NoError(t, err)

		close(late) // the first result comes while the second run goes on
		require.Never(t, func() bool {
			info, err := first.Get(context.Background(), e.ID)
			return err != nil || info.State != durable.StateRunning || info.Process != owner.Process
		}, time.Second, 50*time.Millisecond, "the late result must not count")
		close(goOn)
		require.Equal(t, 2, s.await(first, e.ID, durable.StateDone).Attempt)
	})
}

func TestAProcessThatIsLateWithItsFirstHeartbeatTakesAnotherLease(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = time.Second
		task := durable.Define("any", durable.Options{}, func(context.Context, int) error { return nil })
		enqueuer := s.queue(durable.Config{Role: durable.EnqueueOnly})
		e, err := task.Enqueue(t.Context(), enqueuer, 1)
		require.NoError(t, err)
		end := s.silence()
		time.AfterFunc(deadAfter*3/2, end) // Open registers the process, and waits
		s.queue(durable.Config{DeadAfter: deadAfter}, task)
		s.await(enqueuer, e.ID, durable.StateDone)
	})
}
