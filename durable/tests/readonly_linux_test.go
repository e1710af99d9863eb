package durable_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// asNobody runs f as a user who may not write what is read-only. Root may write all.
func asNobody(t *testing.T, f func()) {
	if os.Geteuid() == 0 {
		const nobody = 65534
		runtime.LockOSThread() // a user for files belongs to a thread
		defer runtime.UnlockOSThread()
		require.NoError(t, syscall.Setfsuid(nobody))
		defer func() { require.NoError(t, syscall.Setfsuid(0)) }()
	}
	f()
}

func TestAFileThatIsReadOnlyIsAnErrorOfOpenThatSaysWhatToDo(t *testing.T) {
	dir, err := os.MkdirTemp("", "readonly") //nolint:usetesting // nobody may not look into t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, os.Chmod(dir, 0o700)) //nolint:gosec // a directory
		require.NoError(t, os.RemoveAll(dir))
	})
	path := filepath.Join(dir, "tasks.db")
	s := store{t, sqlite.Scheme + path, enginetest.SQLite}
	q, err := s.open(t.Context(), s.dsn, s.quiet(enqueueOnly))
	require.NoError(t, err)
	s.shutdown(q)
	require.NoError(t, os.Chmod(path, 0o444)) //nolint:gosec // that is the test
	require.NoError(t, os.Chmod(dir, 0o555))  //nolint:gosec // that is the test

	task := durable.Define("any", durable.Options{}, func(context.Context, int) error { return nil })
	asNobody(t, func() {
		_, err = s.open(t.Context(), s.dsn, s.quiet(durable.Config{}), task)
	})
	require.ErrorContains(t, err, "let this process write")
	require.ErrorContains(t, err, path)
}
