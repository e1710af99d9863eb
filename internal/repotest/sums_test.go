package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// used is a module of go.work.
var used = regexp.MustCompile(`(?m)^\t\.(?:/(\S+))?$`)

// What an editor asks of Go as it opens a clone must not change the clone.
func TestTheWorkspacesChecksumsAreComplete(t *testing.T) {
	clone := t.TempDir()
	work, err := os.ReadFile(filepath.Join(root(t), "go.work"))
	require.NoError(t, err)
	names := []string{"go.work", "go.work.sum"}
	for _, dir := range used.FindAllSubmatch(work, -1) {
		names = append(names, filepath.Join(string(dir[1]), "go.mod"), filepath.Join(string(dir[1]), "go.sum"))
	}
	require.Contains(t, names, "durable/go.mod")
	for _, name := range names {
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
