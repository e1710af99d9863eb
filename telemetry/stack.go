package telemetry

import "strings"

// ownFrames begins the function names of the frames that called the callback.
const ownFrames = "github.com/afterglow-go/afterglow/runner."

// stackOf returns the frames of a panicking goroutine's stack that belong to
// the callback, from the line that panicked: without those that recovered the
// panic above it and those that called it below. Of several panics, each in a
// deferred call of the one before, it begins with the last, which is the one
// that was recovered. A stack of another shape is returned as it is. Either way
// it is bounded.
func stackOf(stack []byte) string {
	whole := string(stack[:min(len(stack), 8*maxStack)])
	lines := strings.Split(strings.TrimRight(whole, "\n"), "\n")
	from := panickedAt(lines)
	to := calledFrom(lines, from)
	if from >= to {
		return bounded(whole, maxStack)
	}
	return bounded(strings.Join(lines[from:to], "\n"), maxStack)
}

// After the line "goroutine 1 [running]:" a frame is a line with its function
// and an indented one with its place. In a deep stack a line that says how many
// are left out stands alone.

func isFunction(line string) bool { return !strings.HasPrefix(line, "\t") }

// panickedAt finds the first frame below that of the innermost panic.
func panickedAt(lines []string) int {
	const header = 1
	panicked := false
	for i := header; i < len(lines); i++ {
		switch line := lines[i]; {
		case !isFunction(line):
		case !panicked:
			panicked = strings.HasPrefix(line, "panic(")
		// With GOTRACEBACK=system, how the runtime came to panic is in it too.
		case !strings.HasPrefix(line, "runtime.") && !strings.HasPrefix(line, "internal/runtime/"):
			return i
		}
	}
	if panicked {
		return len(lines)
	}
	return header
}

// calledFrom finds where the runner's frames begin, at the bottom: those above
// are the callback's even if it has called the runner itself. Below a gate are
// its asker's frames; then it is the first of the runner's that counts.
func calledFrom(lines []string, from int) int {
	bottom := len(lines)
	for i := len(lines) - 1; i > from; i-- {
		switch line := lines[i]; {
		case !isFunction(line), strings.HasPrefix(line, "created by "), strings.HasPrefix(line, "runtime.goexit"):
		case strings.HasPrefix(line, ownFrames):
			bottom = i
		default:
			if bottom < len(lines) {
				return bottom
			}
			return firstOwn(lines, from)
		}
	}
	return bottom
}

func firstOwn(lines []string, from int) int {
	for i := from; i < len(lines); i++ {
		if strings.HasPrefix(lines[i], ownFrames) {
			return i
		}
	}
	return len(lines)
}
