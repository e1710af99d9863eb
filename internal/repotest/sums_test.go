package repotest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What an editor asks of Go as it opens a clone must not change the clone.
func TestTheWorkspacesChecksumsAreComplete(t *testing.T) {
	clone := t.TempDir()
	for _, name := range []string{"go.work", "go.work.sum", "go.mod", "go.sum", "benchmarks/go.mod", "benchmarks/go.sum", "dashboards/go.mod", "dashboards/go.sum", "dashboards/operator/go.mod", "dashboards/operator/go.sum", "durable/go.mod", "durable/go.sum", "examples/go.mod", "examples/go.sum", "integrations/routers/go.mod", "integrations/routers/go.sum"} {
		b, err := os.ReadFile(filepath.Join(root(t), name))
		require.NoError(t, err)
		file := filepath.Join(clone, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, b, 0o600))
	}
	before, err := os.ReadFile(filepath.Join(clone, "go.work.sum"))
	require.NoError(t, err)
	_, err = command(t, clone, []string{"GOWORK=", "GOFLAGS=-mod=readonly"}, "go", "list", "-m", "all")
	require.NoError(t, err)
	after, err := os.ReadFile(filepath.Join(clone, "go.work.sum"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "run go list -m all, and commit go.work.sum")
}
