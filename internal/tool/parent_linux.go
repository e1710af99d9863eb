package tool

import (
	"os/exec"
	"syscall"
)

// endWithParent has the tool killed if this process is, as a test that runs
// into its time limit. Linux does so at the end of the thread that started it,
// so that must be one that stays as long as the tool does. The tool has a process
// group of its own, as a Ctrl-C in the terminal is not meant for it: this process
// may need it until its own end.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
