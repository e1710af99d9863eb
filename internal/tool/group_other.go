//go:build !unix

package tool

import "os/exec"

// killAsGroup does nothing: the command alone is killed.
func killAsGroup(*exec.Cmd) {}
