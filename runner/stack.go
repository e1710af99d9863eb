package runner

import (
	"bytes"
	"runtime/pprof"
	"strings"
)

// maxStack bounds the text of one stack, in bytes.
const maxStack = 8 << 10

// stacksOf returns the stacks of the goroutines with these worker labels. The
// profile stops the program for a moment only, not for as long as it takes to
// write all stacks.
func stacksOf(workers map[string]*task) map[string]string {
	if len(workers) == 0 {
		return nil
	}
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return nil // a bytes.Buffer does not fail
	}
	return parseStacks(profile.String(), workers)
}

// parseStacks reads a goroutine profile in its text form: a group of lines for
// each stack, with its labels and then its frames as
//
//	#	0x46e4b1	main.hang+0x111	/src/main.go:7
func parseStacks(profile string, wanted map[string]*task) map[string]string {
	stacks := make(map[string]string, len(wanted))
	for group := range strings.SplitSeq(profile, "\n\n") {
		worker, ok := workerOf(group)
		if !ok || wanted[worker] == nil {
			continue
		}
		// Goroutines that the callback has started have inherited its labels.
		if frames, own := framesOf(group); own || stacks[worker] == "" {
			stacks[worker] = frames
		}
	}
	return stacks
}

// workerOf finds the worker's label in the line of labels.
func workerOf(group string) (string, bool) {
	_, rest, ok := strings.Cut(group, `"`+labelWorker+`":"`)
	if !ok {
		return "", false
	}
	worker, _, ok := strings.Cut(rest, `"`)
	return worker, ok
}

// framesOf writes the callback's frames as panics do: the function, and below
// it its place. What called the callback is left out; own reports whether that was
// found, and so the goroutine is the callback's own.
func framesOf(group string) (frames string, own bool) {
	var b strings.Builder
	for line := range strings.SplitSeq(group, "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) < 4 || fields[0] != "#" {
			continue
		}
		function, _, _ := strings.Cut(fields[2], "+0x")
		if function == callFunction {
			own = true
			break
		}
		if b.Len() <= maxStack {
			b.WriteString(function + "\n\t" + strings.TrimSpace(fields[len(fields)-1]) + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), own
}

// callFunction is the frame below the callback's.
const callFunction = "github.com/afterglow-go/afterglow/runner.call"
