// Gotest runs `go test` in several modules and ends in one line that says how
// many tests passed, failed and were skipped.
//
//	go run ./internal/gotest -C . -C examples -race ./...
//
// Each -C names a module's directory; all other arguments go to `go test`. As
// with `go test`, a package that passes is one line, and one that fails shows
// the output of its failed tests in full. It exits 1 if anything failed.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dirs, args := parseArgs(os.Args[1:])
	t := newTally(os.Stdout)
	for _, dir := range dirs {
		if err := run(ctx, dir, args, t); err != nil {
			t.failure(fmt.Sprintf("go test in %s: %v", dir, err))
		}
	}
	t.close()
	if t.failed > 0 {
		os.Exit(1)
	}
}

// parseArgs takes the leading -C flags from the arguments of go test.
func parseArgs(args []string) (dirs, rest []string) {
	for len(args) >= 2 && args[0] == "-C" {
		dirs, args = append(dirs, args[1]), args[2:]
	}
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	return dirs, args
}

// run tests the module in dir. That tests fail is no error: the tally knows.
func run(ctx context.Context, dir string, args []string, t *tally) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	failedBefore := t.failed
	readErr := t.read(out)
	_, _ = io.Copy(io.Discard, out) // or go test would block on a full pipe
	if err := cmd.Wait(); err != nil && t.failed == failedBefore {
		return err // it failed for another reason than a test
	}
	return readErr
}
