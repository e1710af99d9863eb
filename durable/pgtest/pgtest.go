// Package pgtest runs a private Postgres for the tests of one process: a cluster of its own in
// a temporary directory, which only a socket in there reaches.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Main runs the tests, and stops the server if a test has started it. Call it in TestMain.
func Main(m *testing.M) int {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return max(code, 1)
	}
	return code
}

// cluster is a server of this process.
type cluster struct {
	dir    string
	server *exec.Cmd
	output *bytes.Buffer
	exited chan struct{}
}

var (
	mu      sync.Mutex
	running *cluster // guarded by mu
	failed  error    // guarded by mu: why it could not be started

	databases atomic.Int64
)

// DSN returns the DSN of an empty database, which is dropped when the test ends.
func DSN(t testing.TB) string {
	t.Helper()
	c, err := shared()
	require.NoError(t, err, "Postgres: make setup installs it")
	name := fmt.Sprintf("test_%d", databases.Add(1))
	c.exec(t, "CREATE DATABASE "+name)
	t.Cleanup(func() { c.exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	return c.dsn(name)
}

// Exec runs a statement on a database.
func Exec(t testing.TB, dsn, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), dsn)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(context.Background(), statement, args...)
	require.NoError(t, err, statement)
}

func (c *cluster) exec(t testing.TB, statement string) {
	t.Helper()
	Exec(t, c.dsn("postgres"), statement)
}

func (c *cluster) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s", database, c.dir)
}

// shared returns the server of this process, and starts it first.
func shared() (*cluster, error) {
	mu.Lock()
	defer mu.Unlock()
	if running == nil && failed == nil {
		running, failed = start()
	}
	return running, failed
}

func start() (*cluster, error) {
	dir, err := os.MkdirTemp("", "pgtest") // short, as the path of a socket is
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, output: new(bytes.Buffer)}
	attr, err := c.asUser()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := c.run(attr); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *cluster) run(attr *syscall.SysProcAttr) error {
	data := filepath.Join(c.dir, "data")
	initdb, err := binary("initdb")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync") //nolint:gosec // found above
	cmd.SysProcAttr, cmd.Dir = attr, c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c.serve(attr)
}

// serve starts the server on what it has written.
func (c *cluster) serve(attr *syscall.SysProcAttr) error {
	postgres, err := binary("postgres")
	if err != nil {
		return err
	}
	c.exited = make(chan struct{})
	c.server = exec.CommandContext(context.Background(), postgres, "-D", filepath.Join(c.dir, "data"), "-k", c.dir, "-c", "listen_addresses=", "-c", "max_connections=300") //nolint:gosec // found above
	c.server.SysProcAttr, c.server.Dir = attr, c.dir
	c.server.Stdout, c.server.Stderr = c.output, c.output
	if err := c.server.Start(); err != nil {
		return err
	}
	go func(server *exec.Cmd, exited chan struct{}) {
		defer close(exited)
		_ = server.Wait() // its output says why it ended
	}(c.server, c.exited)
	return c.awaitReady()
}

const startPatience = time.Minute

// awaitReady waits until the server takes connections.
func (c *cluster) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.dsn("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.exited:
			return fmt.Errorf("postgres has ended: %s", c.output)
		case <-ctx.Done():
			return fmt.Errorf("postgres is not ready: %w", err)
		case <-ticker.C:
		}
	}
}

// stop ends the server of this process.
func stop() error {
	mu.Lock()
	defer mu.Unlock()
	if running == nil {
		return nil
	}
	c := running
	running = nil
	return c.stop()
}

func (c *cluster) stop() error {
	if c.server != nil && c.server.Process != nil {
		_ = c.server.Process.Signal(syscall.SIGINT) // ends the connections
		<-c.exited
	}
	return os.RemoveAll(c.dir)
}

// asUser returns what makes a command run as a user that Postgres agrees to, and gives that user
// the directory: it refuses root.
func (c *cluster) asUser() (*syscall.SysProcAttr, error) {
	attr := endsWithUs()
	if os.Geteuid() != 0 {
		return attr, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		runAs(attr, uint32(uid), uint32(gid))
		return attr, os.Chown(c.dir, int(uid), int(gid))
	}
	return nil, errors.New("no user postgres or nobody to run Postgres as")
}

// binary finds a program of Postgres. Debian has them in a directory for each version.
func binary(name string) (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return found[0], nil
	}
	return exec.LookPath(name)
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}
