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
	f := outermost(c.Func)
	name, isMethodValue := strings.CutSuffix(f.Name, "-fm")
	if !isMethodValue {
		return f
	}
	f = Function{Name: name} // the compiler has written the function around it, in no file
	eachFrame(c.Func, func(at runtime.Frame) (found bool) {
		if found = at.Function == name; found {
			f.File, f.Line = at.File, at.Line
		}
		return found
	})
	return f
}

// entryOf returns where the code of fn begins; 0 for nil.
func entryOf(fn func(context.Context) error) uintptr { return reflect.ValueOf(fn).Pointer() }

// outermost returns the function that begins at entry. The runtime names the innermost
// one there, which is another one if the compiler has inlined a call that comes first.
func outermost(entry uintptr) (f Function) {
	eachFrame(entry, func(at runtime.Frame) bool {
		isOutermost := at.Func != nil // it is nil in what was inlined
		if isOutermost || f.Name == "" {
			f = Function{at.Function, at.File, at.Line}
		}
		return isOutermost
	})
	return f
}

// maxCode bounds how much of a function's code is looked at, in bytes.
const maxCode = 4096

// eachFrame visits the code of the function that begins at entry, until visit returns
// true.
func eachFrame(entry uintptr, visit func(runtime.Frame) bool) {
	for pc := entry; pc < entry+maxCode; pc++ {
		at, _ := runtime.CallersFrames([]uintptr{pc + 1}).Next() // it takes what follows a call
		if at.Entry != entry || visit(at) {
			return
		}
	}
}
