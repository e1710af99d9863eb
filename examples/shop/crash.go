package main

import "os"

// nameCallbacksInCrashes makes the dump of a crash name the callback. The runner cannot
// recover a panic in a goroutine that a callback has started. Settings of the
// environment come after this one, and win. As of Go 1.27 a line
// //go:debug tracebacklabels=1 does the same, and go 1.27 in go.mod makes it the
// default. The go command of Go 1.26 does not accept this line.
func nameCallbacksInCrashes() {
	settings := "tracebacklabels=1"
	if others := os.Getenv("GODEBUG"); others != "" {
		settings += "," + others
	}
	_ = os.Setenv("GODEBUG", settings) // fails only for a name that cannot be one
}
