package durable_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// engines are all of them. Each test of a promise runs on each.
var engines = map[string]struct {
	open enginetest.Open
	dsn  func(t testing.TB) string
}{
	"sqlite":   {enginetest.SQLite, sqliteDSN},
	"postgres": {enginetest.Postgres, pgtest.DSN},
	"pgsql":    {enginetest.PGSQL, pgtest.DSN},
}

func sqliteDSN(t testing.TB) string {
	return sqlite.Scheme + filepath.Join(t.TempDir(), "tasks.db")
}

// store is a database of one engine, for one test.
type store struct {
	t    *testing.T
	dsn  string
	open enginetest.Open
}

// onEach runs a test on each engine, on all at once: it mostly waits.
func onEach(t *testing.T, test func(t *testing.T, s store)) {
	for name, e := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, store{t, e.dsn(t), e.open})
		})
	}
}

// quiet is a configuration without records, unless a test fails.
func (s store) quiet(cfg durable.Config) durable.Config {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(s.t.Output(), nil))
	}
	return cfg
}

// queue opens a queue that is shut down when the test ends.
func (s store) queue(cfg durable.Config, tasks ...durable.Definition) *durable.Queue {
	s.t.Helper()
	q, err := s.open(s.t.Context(), s.dsn, s.quiet(cfg), tasks...)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { s.shutdown(q) })
	return q
}

const patience = time.Minute

func (s store) shutdown(q *durable.Queue) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := q.Shutdown(ctx)
	require.NoError(s.t, err)
}

// await waits until the task is in a state.
func (s store) await(q *durable.Queue, id int64, state durable.State) (info durable.Info) {
	s.t.Helper()
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		var err error
		info, err = q.Get(context.Background(), id)
		require.NoError(c, err)
		require.Equal(c, state, info.State, "%+v", info)
	}, patience, 20*time.Millisecond)
	return info
}

// receive waits for a value.
func receive[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		require.Fail(t, "nothing came")
	}
	return v
}
