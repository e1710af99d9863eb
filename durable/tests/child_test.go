package durable_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
)

// childEnv makes the test binary a process of its own, for tests that kill it.
// Its value is the DSN, and deadAfterEnv's is Config.DeadAfter.
const (
	childEnv     = "AFTERGLOW_DURABLE_CHILD"
	deadAfterEnv = "AFTERGLOW_DURABLE_DEAD_AFTER"
)

// The tasks that a child works.
var (
	// hang runs until its context ends. Its timeout is longer than any test.
	hang = durable.Define("child.hang", durable.Options{Timeout: time.Hour}, func(ctx context.Context, id int) error {
		fmt.Println("started", id)
		<-ctx.Done()
		fmt.Println("ended", id, context.Cause(ctx))
		return ctx.Err()
	})
	// poison kills its process.
	poison = durable.Define("child.poison", durable.Options{MaxAttempts: 3, Backoff: soon}, func(_ context.Context, id int) error {
		fmt.Println("started", id)
		os.Exit(3)
		return nil
	})
)

func soon(int) time.Duration { return time.Millisecond }

// child is the life of a child.
func child(dsn string) int {
	deadAfter, err := time.ParseDuration(os.Getenv(deadAfterEnv))
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	q, err := enginetest.Of(dsn)(context.Background(), dsn, durable.Config{DeadAfter: deadAfter, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}, hang, poison)
	if err != nil {
		fmt.Println("failed", err)
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, _ = q.Shutdown(ctx) // which lists what it has interrupted
	return 0
}

// process is a child as its parent sees it.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string
}

// child starts a process that works tasks.
func (s store) child(deadAfter time.Duration) *process {
	s.t.Helper()
	p := &process{t: s.t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000)} //nolint:gosec // this very binary
	p.cmd.Env = append(os.Environ(), childEnv+"="+s.dsn, deadAfterEnv+"="+deadAfter.String())
	p.cmd.Stderr = s.t.Output()
	stdin, err := p.cmd.StdinPipe()
	require.NoError(s.t, err)
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, p.cmd.Start())
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	s.t.Cleanup(p.kill)
	p.await("ready")
	return p
}

// await waits for a line.
func (p *process) await(line string) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got, ok := <-p.lines:
			require.True(p.t, ok, "the child has ended before %q", line)
			if strings.HasPrefix(got, line) {
				return
			}
		case <-deadline:
			require.Fail(p.t, "the child has not said: "+line)
		}
	}
}

// kill kills the child as the kernel would, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

func (p *process) wait() {
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
}
