package tool

import (
	"context"
	"fmt"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
)

// BuildFlags returns the flags of go build for the programs that a test builds and runs: -race if the
// test was built with it. Then the programs' races are found, and nothing is compiled that the
// tests have not compiled.
func BuildFlags() []string {
	info, ok := debug.ReadBuildInfo()
	if ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return []string{"-race"}
	}
	return nil
}

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
