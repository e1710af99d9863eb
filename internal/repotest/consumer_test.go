package repotest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// consumer is a module of its own that uses this checkout.
type consumer struct{ dir string }

func newConsumer(t *testing.T, program string) consumer {
	t.Helper()
	// Now the module cache holds what this repository needs, so that from here
	// on the network is not asked.
	_, err := command(t, root(t), []string{"GOWORK=off"}, "go", "list", "-deps", "-test", "./...")
	require.NoError(t, err)

	c := consumer{t.TempDir()}
	c.write(t, "go.mod", "module example.com/consumer\n\ngo 1.26.0\n\n"+
		"require "+module+" v0.0.0\n\nreplace "+module+" => "+root(t)+"\n")
	c.write(t, "main.go", program)
	return c
}

func (c consumer) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600))
}

// read returns the text of a file, "" if there is none.
func (c consumer) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return strings.TrimSpace(string(b))
}

func (c consumer) build(t *testing.T) {
	t.Helper()
	c.do(t, "build", "-o", os.DevNull, ".")
}

func (c consumer) tidy(t *testing.T) {
	t.Helper()
	c.lendChecksums(t)
	c.do(t, "mod", "tidy")
}

// lendChecksums gives the consumer this repository's go.sum, as a machine
// without a network cannot ask the checksum database. go mod tidy keeps what
// the consumer needs of it.
func (c consumer) lendChecksums(t *testing.T) {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(root(t), "go.sum"))
	require.NoError(t, err)
	c.write(t, "go.sum", string(sums))
}

// do runs the go command with what the module cache holds.
func (c consumer) do(t *testing.T, args ...string) {
	t.Helper()
	_, err := command(t, c.dir, []string{"GOWORK=off", "GOPROXY=off", "GOFLAGS=-mod=mod " + strings.Join(tool.BuildFlags(), " ")}, "go", args...)
	require.NoError(t, err)
}

// thirdParties lists the modules that a go.mod or go.sum names beside this one.
func thirdParties(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && strings.HasPrefix(fields[1], "v") && fields[0] != module && !slices.Contains(found, fields[0]) {
			found = append(found, fields[0])
		}
	}
	return found
}

const runnerProgram = `package main

import (
	"net/http"

	"` + module + `/runner"
	"` + module + `/runner/exacth2"
)

func main() {
	_, _ = runner.New(runner.Config{})
	_ = exacth2.Configure(new(http.Server))
}
`

func TestAProgramThatUsesOnlyTheRunnerGetsNoThirdPartyModule(t *testing.T) {
	c := newConsumer(t, runnerProgram)
	c.build(t)
	require.Empty(t, thirdParties(c.read(t, "go.mod")))
	require.Empty(t, c.read(t, "go.sum"))

	c.tidy(t)
	require.Empty(t, thirdParties(c.read(t, "go.mod")))
	// go mod tidy also records what the tests of the imported packages need,
	// which is why those of the runner are not in its folder.
	require.Empty(t, thirdParties(c.read(t, "go.sum")))
}

// A page for a program that has nothing else must not bring anything else.
func TestAProgramThatUsesTheConsoleGetsNoThirdPartyModule(t *testing.T) {
	c := newConsumer(t, `package main

import (
	"net/http"

	"`+module+`/console"
	"`+module+`/runner"
)

func main() {
	con, _ := console.New(console.Config{})
	_, _ = runner.New(runner.Config{Observers: []runner.Observer{con.Observer()}})
	http.Handle("/debug/afterglow/", con)
}
`)
	c.build(t)
	c.tidy(t)
	require.Empty(t, thirdParties(c.read(t, "go.mod")))
	require.Empty(t, thirdParties(c.read(t, "go.sum")))
}

func TestAProgramWhoseTestsUseRunnertestGetsNoThirdPartyModule(t *testing.T) {
	c := newConsumer(t, runnerProgram)
	c.write(t, "main_test.go", `package main

import (
	"context"
	"testing"

	"`+module+`/runner"
	"`+module+`/runner/runnertest"
)

func TestAfter(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	err := rt.Run(func(ctx context.Context) error {
		return runner.After(ctx, "a", func(context.Context) error { return nil })
	})
	if err != nil {
		t.Error(err)
	}
}
`)
	c.do(t, "test", ".")
	require.Empty(t, thirdParties(c.read(t, "go.mod")))
	require.Empty(t, c.read(t, "go.sum"))

	c.tidy(t)
	require.Empty(t, thirdParties(c.read(t, "go.mod")))
	// This is why the tests of runnertest itself use the standard library only.
	require.Empty(t, thirdParties(c.read(t, "go.sum")))
}

// Without this one the tests above could be looking at the wrong thing.
func TestAProgramThatUsesTheTelemetryGetsThirdPartyModules(t *testing.T) {
	c := newConsumer(t, `package main

import _ "`+module+`/telemetry"

func main() {}
`)
	c.lendChecksums(t)
	c.build(t)
	require.Contains(t, thirdParties(c.read(t, "go.mod")), "go.opentelemetry.io/otel")
}

// The modules that durable tasks need, by what their paths have in common.
var ofDurable = []string{"riverqueue", "jackc", "modernc.org", "lib/pq", "tidwall", "mattn"}

func TestAProgramThatUsesOnlyRunnerAndTelemetryGetsNothingOfDurable(t *testing.T) {
	c := newConsumer(t, `package main

import (
	"`+module+`/runner"
	"`+module+`/telemetry"
)

func main() {
	tel, _ := telemetry.New(telemetry.Config{})
	_, _ = runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
}
`)
	c.tidy(t)
	for _, name := range []string{"go.mod", "go.sum"} {
		text := c.read(t, name)
		require.NotEmpty(t, thirdParties(text), "the program is the wrong one")
		for _, part := range ofDurable {
			require.NotContains(t, text, part, name)
		}
	}
}

func TestADriverOfDurableLinksNoOtherOne(t *testing.T) {
	for driver, banned := range map[string][]string{
		"sqlite":   {"jackc/pgx", "lib/pq", "riverpgxv5", "riverdatabasesql"},
		"postgres": {"modernc.org", "riversqlite", "riverdatabasesql"},
		"pgsql":    {"modernc.org", "riversqlite"},
		"":         {"jackc/pgx", "lib/pq", "modernc.org", "riversqlite", "riverpgxv5", "riverdatabasesql"},
	} {
		pkg := strings.TrimSuffix(module+"/durable/"+driver, "/")
		deps := dependencies(t, pkg)
		require.Contains(t, deps, pkg)
		for _, dep := range deps {
			for _, part := range banned {
				require.NotContains(t, dep, part, pkg)
			}
		}
	}
}
