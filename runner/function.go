package runner

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
)

// Function is a function of the program.
type Function struct {
	Name string // as in main.(*shop).sendMail or, for a function literal in it, main.(*shop).sendMail.func1
	File string // empty: not known
	Line int    // where it begins, or near that
}

// String returns the name and, in parentheses, the place.
func (f Function) String() string {
	if f.File == "" {
		return f.Name
	}
	return fmt.Sprintf("%s (%s:%d)", f.Name, f.File, f.Line)
}

// Function returns the function that was asked to run. An error has no stack, so this
// is what leads from an error to the code. [Wraps] lets a wrapper name what it wraps.
//
// A method value, as in After(ctx, name, s.sendMail), has the name of its method. Its
// file and line are known only if the compiler has inlined the method.
//
// Function takes some microseconds. A program has few functions: keep the result, by
// Func.
func (c Callback) Function() Function {
	f := runtime.FuncForPC(c.Func)
	name, isMethodValue := strings.CutSuffix(f.Name(), "-fm")
	if name == "" {
		return Function{}
	}
	if isMethodValue { // the compiler has written the function around the method, in no file
		file, line := inlinedAt(c.Func, name)
		return Function{name, file, line}
	}
	file, line := f.FileLine(c.Func)
	return Function{name, file, line}
}

// entryOf returns where the code of fn begins; 0 for nil.
func entryOf(fn func(context.Context) error) uintptr { return reflect.ValueOf(fn).Pointer() }

// maxWrapper bounds how much of a method value's code is looked at, in bytes.
const maxWrapper = 4096

// inlinedAt returns the place of a function that the compiler has inlined into the one
// whose code begins at entry; nothing if it has not.
func inlinedAt(entry uintptr, name string) (file string, line int) {
	for pc := entry; pc < entry+maxWrapper; pc++ {
		at, _ := runtime.CallersFrames([]uintptr{pc + 1}).Next() // a return address, which follows its call
		switch {
		case at.Entry != entry:
			return "", 0
		case at.Function == name:
			return at.File, at.Line
		}
	}
	return "", 0
}
