package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var used = regexp.MustCompile(`(?m)^\s*(?:use )?(\.\S*)$`)

// workspace lists the folders of the modules of go.work.
func workspace(t *testing.T) (folders []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "go.work"))
	require.NoError(t, err)
	for _, m := range used.FindAllStringSubmatch(string(text), -1) {
		folders = append(folders, filepath.Clean(m[1]))
	}
	require.Contains(t, folders, ".")
	require.Greater(t, len(folders), 5)
	return folders
}

// What an editor asks of Go as it opens a clone must not change the clone.
func TestTheWorkspacesChecksumsAreComplete(t *testing.T) {
	clone := t.TempDir()
	names := []string{"go.work", "go.work.sum"}
	for _, folder := range workspace(t) {
		names = append(names, filepath.Join(folder, "go.mod"), filepath.Join(folder, "go.sum"))
	}
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
