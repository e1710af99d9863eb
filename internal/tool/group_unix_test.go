//go:build unix

package tool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

func TestABuildThatIsCutOffLeavesNoProcess(t *testing.T) {
	newCheckout(t)
	dir := t.TempDir()
	// A compiler that takes its time.
	compiler, started := filepath.Join(dir, "compiler"), filepath.Join(dir, "pid")
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%[1]s.new; mv %[1]s.new %[1]s\nexec sleep 1000\n", started)
	require.NoError(t, os.WriteFile(compiler, []byte(script), 0o700))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() {
		done <- tool.Go(ctx, "../../../tools/jaeger", dir, []string{"GOWORK=off"}, "build", "-toolexec="+compiler, "-o", dir, "tool")
	}()
	require.Eventually(t, func() bool {
		_, err := os.Stat(started)
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "it compiles")
	cancel()
	require.Error(t, <-done)
	text, err := os.ReadFile(started)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || isZombie(pid) }, 10*time.Second, 10*time.Millisecond,
		"the compiler has ended")
}

// isZombie reports whether a process has ended and nobody has waited for it: where
// no init does that, the orphans of a test stay.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
