//go:build !linux

package tool

import "os/exec"

// endWithParent does nothing here: only Linux tells a process of its parent's
// death.
func endWithParent(*exec.Cmd) {}
