//go:build !unix

package pgtest

import "syscall"

// runAs has nothing to do where no user is root.
func runAs(*syscall.SysProcAttr, uint32, uint32) {}
