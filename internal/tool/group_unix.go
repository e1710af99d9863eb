//go:build unix

package tool

import (
	"os/exec"
	"syscall"
)

// killAsGroup has the end of the command's context kill what the command has
// started, too.
func killAsGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
