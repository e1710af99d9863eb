package main

import "os"

// nameCallbacksInCrashes has a crash say which callback started the goroutine that
// panicked: nobody can recover a panic in a goroutine of another one. It puts the
// setting before those of the environment, which win. As of Go 1.27 a line
// //go:debug tracebacklabels=1 does the same, and go 1.27 in go.mod makes it the
// default; the go command of Go 1.26 does not know the setting.
func nameCallbacksInCrashes() {
	settings := "tracebacklabels=1"
	if others := os.Getenv("GODEBUG"); others != "" {
		settings += "," + others
	}
	_ = os.Setenv("GODEBUG", settings) // fails only for a name that cannot be one
}
