package telemetry

import (
	"fmt"
	"reflect"
	"strconv"
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

// textOf is the bounded text of an error or of a panic's value, as the Go
// runtime prints one: an error and a Stringer say it themselves, strings and
// numbers are what they are, and of all else only the type is told. Such a value
// is never walked: it may be huge, contain itself, or be changed meanwhile.
func textOf(v any, n int) string {
	switch v := v.(type) {
	case nil:
		return "<nil>"
	case error:
		return bounded(said(v, v.Error), n)
	case fmt.Stringer:
		return bounded(said(v, v.String), n)
	}
	r := reflect.ValueOf(v)
	switch {
	case r.Kind() == reflect.String:
		return bounded(r.String(), n)
	case r.Kind() == reflect.Bool:
		return strconv.FormatBool(r.Bool())
	case r.CanInt():
		return strconv.FormatInt(r.Int(), 10)
	case r.CanUint():
		return strconv.FormatUint(r.Uint(), 10)
	case r.CanFloat():
		return strconv.FormatFloat(r.Float(), 'g', -1, 64)
	case r.CanComplex():
		return strconv.FormatComplex(r.Complex(), 'g', -1, 128)
	}
	return bounded("("+typeOf(v)+")", n)
}

// said is what v says of itself. What its method panics with, or a nil pointer
// that it does not take, is not looked at.
func said(v any, say func() string) (text string) {
	defer func() {
		if recover() != nil {
			text = "(" + typeOf(v) + ", which cannot say what it is)"
		}
	}()
	return say()
}

// typeOf is the bounded name of v's type.
func typeOf(v any) string { return bounded(fmt.Sprintf("%T", v), maxType) }
