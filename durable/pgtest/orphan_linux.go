package pgtest

import "syscall"

// endsWithUs makes the server end when this process is killed.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT} }
