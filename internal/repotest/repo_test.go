// Package repotest tests the repository itself: who may import whom, what a
// user of the library gets, and that what the documents say exists.
package repotest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/afterglow-go/afterglow"

// root is the repository's top directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// command runs a command in dir, with env added, and returns what it prints.
func command(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Logf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), err
}

// tracked lists the files that git tracks, relative to the root, with one of
// the given extensions; none given: all.
func tracked(t *testing.T, extensions ...string) []string {
	t.Helper()
	out, err := command(t, root(t), nil, "git", "ls-files", "-z")
	if err != nil {
		t.Skip("not a git checkout: cannot tell which files belong to the repository")
	}
	var files []string
	for f := range strings.SplitSeq(strings.TrimRight(out, "\x00"), "\x00") {
		for _, ext := range extensions {
			if filepath.Ext(f) == ext {
				files = append(files, f)
			}
		}
		if len(extensions) == 0 {
			files = append(files, f)
		}
	}
	require.NotEmpty(t, files)
	return files
}
