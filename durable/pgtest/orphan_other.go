//go:build !linux

package pgtest

import "syscall"

// endsWithUs has no way to make the server end when this process is killed.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
