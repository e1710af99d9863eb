package telemetry

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of texts that do not come from us, in bytes.
const (
	maxStatus = 256  // a span's status description
	maxError  = 1024 // an error's text elsewhere
	maxType   = 128  // the name of a type, or an error's own idea of its type
	maxRoute  = 256  // a route's pattern
	maxPlace  = 256  // the name of a function, or of its file
	maxStack  = 8192 // a stack
	ellipsis  = "..."
)

// bounded returns s as valid UTF-8 of at most n bytes. It looks at no more
// than the first n bytes, so that a huge text costs no more than a long one.
func bounded(s string, n int) string {
	cut := len(s) > n
	if cut {
		s = s[:n]
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if !cut && len(s) <= n {
		return s
	}
	s = s[:min(len(s), n-len(ellipsis))]
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size > 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + ellipsis
}

// textOf is the bounded text of an error or of a panic's value. It goes
// through fmt, which survives an Error or String method that panics.
func textOf(v any, n int) string { return bounded(fmt.Sprint(v), n) }

// typeOf is the bounded name of v's type.
func typeOf(v any) string { return bounded(fmt.Sprintf("%T", v), maxType) }
