package tool

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Go runs the go command in a directory, with env beside the environment of this
// process. When ctx ends it is killed with all that it has started, and what it
// leaves then is below tmp, which the caller removes. An error has what it said.
func Go(ctx context.Context, dir, tmp string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(cmd.Environ(), "GOTMPDIR="+tmp), env...)
	cmd.WaitDelay = endTime
	killAsGroup(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
