package crash_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// cancelBound is what the documentation of Cancel promises.
const cancelBound = 5 * time.Second

// deafen ends the connections that listen for notifications, again and again, until the test ends. SQLite has none.
func (f *fleet) deafen() (ended func() int64) {
	f.t.Helper()
	if !strings.HasPrefix(f.dsn, "postgres") {
		return func() int64 { return 1 }
	}
	conn, err := pgx.Connect(f.t.Context(), f.dsn)
	require.NoError(f.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	began, stopped := make(chan struct{}), make(chan struct{})
	total := int64(0)
	go func() {
		defer close(stopped)
		defer func() { _ = conn.Close(context.Background()) }()
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			tag, err := conn.Exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'")
			if n := tag.RowsAffected(); err == nil && n > 0 {
				if total == 0 {
					close(began)
				}
				total += n
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	f.await(began, "no connection listens")
	return func() int64 {
		cancel()
		<-stopped
		return total
	}
}

func TestCancelReachesATaskOfAnotherProcessWhileItsNotifierIsDown(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{})
		f.start(nil)
		id := f.enqueue(job{"slow", -1})[0]
		f.awaitRun("slow", 1, hasStarted)
		ended := f.deafen()
		asked := time.Now()
		require.NoError(t, f.look.Cancel(t.Context(), id))
		f.awaitRun("slow", 1, func(r *run) bool { return !r.cut.IsZero() })
		t.Logf("%d connections that listened were ended", ended())
		f.ledger.mu.Lock()
		r := f.ledger.tasks["slow"].runs[0]
		took, cause := r.cut.Sub(asked), r.cause
		f.ledger.mu.Unlock()
		t.Logf("%s: it reached the task after %v", e.name, took.Round(time.Millisecond))
		require.Equal(t, durable.ErrCanceled.Error(), cause)
		require.Less(t, took, cancelBound)
		require.Eventually(t, func() bool {
			info, err := f.look.Get(context.Background(), id)
			return err == nil && info.State == durable.StateCanceled && info.Attempt == 1
		}, patience, 20*time.Millisecond)
		f.dismiss(f.procs[0])
	})
}
