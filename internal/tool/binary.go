package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// modules says which module under tools/ builds a tool.
var modules = map[string]string{
	"alertmanager":  "alertmanager",
	"amtool":        "alertmanager",
	"golangci-lint": "lint",
	"gotestsum":     "gotestsum",
	"jaeger":        "jaeger",
	"prometheus":    "prometheus",
	"promtool":      "prometheus",
	"victoria-logs": "victorialogs",
}

// tags are the build tags of a module. Service discovery of every cloud would be
// most of Prometheus' build, and no test uses it.
var tags = map[string]string{"prometheus": "remove_all_sd"}

var (
	building sync.Mutex
	built    = map[string]bool{} // the directories of modules that this process has built; guarded by building
)

// Binary returns the path of a tool, such as "jaeger". The first call of a process
// runs go build on the tool's module. This takes a second if the tool is up to
// date. It takes minutes if the tool is not there, and Binary then says so on
// progress. Many goroutines and processes may call Binary at once, from any
// directory of the repository: the go command replaces a file in one step.
func Binary(ctx context.Context, name string, progress io.Writer) (string, error) {
	module, ok := modules[name]
	if !ok {
		return "", fmt.Errorf("tool: no tool is called %q", name)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	source := filepath.Join(root, "tools", module)
	dir := filepath.Join(root, "bin", runtime.Version()) // a tool must be rebuilt when Go changes
	path := filepath.Join(dir, name)
	building.Lock() // twelve tests that start together would build it twelve times
	defer building.Unlock()
	if built[source] {
		return path, nil
	}
	if _, err := os.Stat(path); err != nil {
		fmt.Fprintf(progress, "building %s (once; it may take minutes)\n", module)
	}
	if err := build(ctx, source, dir, tags[module]); err != nil {
		return "", fmt.Errorf("tool: building %s: %w", module, err)
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("tool: %s has no such tool: %w", filepath.Join(source, "go.mod"), err)
	}
	built[source] = true
	return path, nil
}

// build builds those tools of a module that are not up to date in dir. `go tool`
// would keep them in Go's cache, but it takes no build tags.
func build(ctx context.Context, source, dir, tags string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// The go command renames what it has built, which needs one file system. From
	// another one it copies, and somebody might start half a tool.
	tmp, err := os.MkdirTemp(dir, "build")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // what it leaves is never looked at
	// No flags meant for the tests' own build; -s -w keeps binaries small. With cgo, VictoriaLogs
	// would link a library that a module brings along compiled, and the others gain nothing.
	return Go(ctx, source, tmp, []string{"GOWORK=off", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0"},
		"build", "-ldflags=-s -w", "-tags="+tags, "-o", dir+string(filepath.Separator), "tool")
}

// Root returns the repository's top directory: where go.work and tools/ are.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("tool: %w", err)
	}
	for {
		_, work := os.Stat(filepath.Join(dir, "go.work"))
		_, tools := os.Stat(filepath.Join(dir, "tools"))
		if work == nil && tools == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("tool: not in a checkout of this repository: run it from there")
		}
		dir = parent
	}
}
