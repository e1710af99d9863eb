package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// In the workspace all modules are built with one version of a dependency: the highest that any of them
// requires. A user of one module gets the version of that module's go.mod, so the tests have to use the same.
func TestEachModuleIsTestedWithTheVersionsThatItRequires(t *testing.T) {
	if testing.Short() {
		t.Skip("it loads the packages of each module twice")
	}
	for _, folder := range workspace(t) {
		required, tested := versions(t, folder, "GOWORK=off"), versions(t, folder, "GOWORK=")
		require.NotEmpty(t, tested, folder)
		for path, version := range tested {
			if required[path] != version {
				t.Errorf("%s is tested with %s %s; there, run: GOWORK=off go get %[2]s@%[3]s && GOWORK=off go mod tidy", folder, path, version)
			}
		}
	}
}

// versions are those of the modules whose packages the tests of a folder's module are built from.
func versions(t *testing.T, folder, workspace string) map[string]string {
	t.Helper()
	out, err := command(t, filepath.Join(root(t), folder), []string{workspace},
		"go", "list", "-deps", "-test", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "./...")
	require.NoError(t, err)
	found := map[string]string{}
	for line := range strings.Lines(out) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			found[path] = version
		}
	}
	return found
}
