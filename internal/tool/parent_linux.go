package tool

import (
	"os/exec"
	"syscall"
)

// endWithParent has the tool killed if this process is, as a test that runs
// into its time limit.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
