package console

import (
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
)

// Frame is a line of code that a stack is at.
type Frame struct {
	Func string `json:"func"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// String returns the file and the line, short: mail.go:88.
func (f Frame) String() string {
	if f.File == "" {
		return f.Func
	}
	return path.Base(strings.ReplaceAll(f.File, `\`, "/")) + ":" + strconv.Itoa(f.Line)
}

// parseStack reads a stack as panics, and the runner, write it: a function, and its place
// on the next line.
func parseStack(stack string) (frames []Frame) {
	var function string
	for line := range strings.Lines(stack) {
		line = strings.TrimRight(line, "\r\n")
		place, isPlace := strings.CutPrefix(line, "\t")
		switch {
		case strings.HasPrefix(line, "created by "), line == "":
			return frames
		case strings.HasPrefix(line, "goroutine "):
		case !isPlace:
			function = functionOf(line)
		case function != "":
			frames = append(frames, frameOf(function, place))
			function = ""
		}
	}
	return frames
}

// functionOf cuts the arguments off a line of a stack.
func functionOf(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 && strings.HasSuffix(line, ")") {
		return line[:i]
	}
	return line
}

func frameOf(function, place string) Frame {
	place, _, _ = strings.Cut(place, " +0x")
	f := Frame{Func: clean(function, maxName), File: place}
	if i := strings.LastIndexByte(place, ':'); i > 0 {
		if n, err := strconv.Atoi(place[i+1:]); err == nil {
			f.File, f.Line = place[:i], n
		}
	}
	f.File = clean(f.File, maxRoute)
	return f
}

// usersFrame returns the first frame that is the user's own code: of the main module, or
// else of any module that is neither Go's nor ours.
func usersFrame(frames []Frame) (Frame, bool) {
	for _, isTheirs := range []func(string) bool{isMain, isModule} {
		for _, f := range frames {
			if pkg := packageOf(f.Func); !isOurs(pkg) && isTheirs(pkg) {
				return f, true
			}
		}
	}
	return Frame{}, false
}

// packageOf returns the import path of a function's package.
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	if dot := strings.IndexByte(function[slash:], '.'); dot >= 0 {
		return function[:slash+dot]
	}
	return function
}

const module = "github.com/afterglow-go/afterglow/"

func isOurs(pkg string) bool {
	rest, ok := strings.CutPrefix(pkg, module)
	if !ok {
		return false
	}
	first, tests, _ := strings.Cut(rest, "/")
	switch first {
	case "runner", "telemetry", "console", "histogram", "durable":
		return !strings.Contains(tests, "tests")
	}
	return false
}

// isMain reports whether a package is of the main module.
func isMain(pkg string) bool {
	mod := mainModule()
	return pkg == "main" || mod != "" && (pkg == mod || strings.HasPrefix(pkg, mod+"/"))
}

// isModule reports whether a package is outside the standard library, whose paths have no
// dot in their first part.
func isModule(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return pkg == "main" || strings.Contains(first, ".")
}

var mainModule = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Path
	}
	return ""
})

// programName is the last part of the main module's path.
func programName() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" && info.Path != "command-line-arguments" {
		return path.Base(info.Path)
	}
	return "program"
}
