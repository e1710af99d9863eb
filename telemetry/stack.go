package telemetry

import "strings"

// ownFrames begins the function names of the frames that called the callback.
const ownFrames = "github.com/afterglow-go/afterglow/runner."

// stackOf returns the frames of a panicking goroutine's stack that belong to
// the callback: without those that recovered the panic above it and those that
// called it below. A stack of another shape is returned as it is. Either way
// it is bounded.
func stackOf(stack []byte) string {
	whole := string(stack[:min(len(stack), 8*maxStack)])
	lines := strings.Split(strings.TrimRight(whole, "\n"), "\n")

	// After the line "goroutine 1 [running]:" each frame has two lines: the
	// call, and the indented place in the source.
	const header = 1
	from := header
	for i := header; i < len(lines); i += 2 {
		if strings.HasPrefix(lines[i], "panic(") {
			from = i + 2
			break
		}
	}
	to := len(lines)
	for i := from; i < len(lines); i += 2 {
		if strings.HasPrefix(lines[i], ownFrames) {
			to = i
			break
		}
	}
	if from >= to {
		return bounded(whole, maxStack)
	}
	return bounded(strings.Join(lines[from:to], "\n"), maxStack)
}
