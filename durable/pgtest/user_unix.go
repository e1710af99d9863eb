//go:build unix

package pgtest

import "syscall"

// runAs makes the server run as a user.
func runAs(attr *syscall.SysProcAttr, uid, gid uint32) {
	attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
}
