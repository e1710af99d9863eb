package tool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// family is a module under tools/, whose tools are built together.
type family struct {
	dir  string // under tools/
	tags string // build tags, comma-separated
}

var (
	alertmanager = family{dir: "alertmanager"}
	jaeger       = family{dir: "jaeger"}
	loki         = family{dir: "loki"}
	// Service discovery of every cloud would be most of the build; what is
	// watched here is listed in the configuration.
	prometheus = family{dir: "prometheus", tags: "remove_all_sd"}
)

// families says where each binary is built.
var families = map[string]family{
	"alertmanager": alertmanager,
	"amtool":       alertmanager,
	"jaeger":       jaeger,
	"loki":         loki,
	"prometheus":   prometheus,
	"promtool":     prometheus,
}

// Binary returns the path of a tool, such as "jaeger". It builds the tool, and
// says so on progress, if that has not been done with this version of Go and
// these versions of its modules; that takes minutes. It may be called from any
// directory of the repository, by many processes at once.
func Binary(ctx context.Context, name string, progress io.Writer) (string, error) {
	f, ok := families[name]
	if !ok {
		return "", fmt.Errorf("tool: no tool is called %q", name)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "tools", f.dir)
	dir := filepath.Join(root, "bin", runtime.Version())
	path := filepath.Join(dir, name)
	stamp := filepath.Join(dir, f.dir+".sum") // says what the family has been built of
	sum, err := sumOf(module, f.tags)
	if err != nil {
		return "", fmt.Errorf("tool: %w", err)
	}
	if isBuilt(path, stamp, sum) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("tool: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, f.dir+".lock"))
	if err != nil {
		return "", fmt.Errorf("tool: %w", err)
	}
	defer unlock()
	if isBuilt(path, stamp, sum) { // by who held the lock
		return path, nil
	}
	fmt.Fprintf(progress, "building %s (once; a few minutes)\n", f.dir)
	if err := build(ctx, module, f.tags, dir); err != nil {
		return "", fmt.Errorf("tool: building %s: %w", f.dir, err)
	}
	if err := os.WriteFile(stamp, []byte(sum), 0o644); err != nil {
		return "", fmt.Errorf("tool: %w", err)
	}
	if !isBuilt(path, stamp, sum) {
		return "", fmt.Errorf("tool: %s has no tool called %s", filepath.Join(module, "go.mod"), name)
	}
	return path, nil
}

// build builds every tool of the module into dir.
func build(ctx context.Context, module, tags, dir string) error {
	// Not into dir at once: a build that is cut off must leave nothing there.
	fresh, err := os.MkdirTemp(dir, "build")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // what it leaves is never looked at
	// No flags meant for the tests' own build; -trimpath and -s -w keep binaries small.
	if err := Go(ctx, module, fresh, []string{"GOWORK=off", "GOFLAGS=-buildvcs=false"},
		"build", "-trimpath", "-ldflags=-s -w", "-tags="+tags, "-o", fresh+string(filepath.Separator), "tool"); err != nil {
		return err
	}
	built, err := os.ReadDir(fresh)
	if err != nil {
		return err
	}
	var errs []error
	for _, b := range built {
		errs = append(errs, os.Rename(filepath.Join(fresh, b.Name()), filepath.Join(dir, b.Name())))
	}
	return errors.Join(errs...)
}

// isBuilt tells whether the binary is there, and built of what sum stands for.
func isBuilt(binary, stamp, sum string) bool {
	_, err := os.Stat(binary)
	built, _ := os.ReadFile(stamp) // none: not built
	return err == nil && string(built) == sum
}

// sumOf stands for the versions that a module pins, and the build tags. Times
// of files would not do, as git changes them at will.
func sumOf(module, tags string) (string, error) {
	hash := sha256.New()
	hash.Write([]byte(tags))
	for _, file := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(module, file))
		if err != nil {
			return "", err
		}
		hash.Write(b)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
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
