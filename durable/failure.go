package durable

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/afterglow-go/afterglow/runner"
)

const (
	maxError = 4 << 10 // bytes of an error's text that are kept
	maxStack = 8 << 10 // of a stack
	maxGroup = 200     // of the text by which dead letters are grouped
)

// failure is the error of an attempt as the database keeps it. Its text is made once, because the
// methods of the user's error may do anything.
type failure struct {
	text  string
	stack string // of a panic
	err   error
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// Unwrap returns the task's error.
func (f *failure) Unwrap() error { return f.err }

func failureOf(err error) *failure {
	f := &failure{text: textOf(err), err: err}
	defer func() { _ = recover() }() // of the error's own As
	var p *runner.PanicError
	if errors.As(err, &p) {
		f.stack = cut(string(p.Stack), maxStack)
	}
	return f
}

// textOf returns the text of an error, and of one that panics what it is.
func textOf(err error) (text string) {
	if err == nil {
		return "no error"
	}
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("(%T, whose Error method panics)", err)
		}
	}()
	text = cut(strings.ToValidUTF8(err.Error(), "�"), maxError)
	return strings.ReplaceAll(text, "\x00", "") // which Postgres does not take
}

// cut returns at most n bytes of s, in whole runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// groupOf returns the ID of the group of a dead letter: tasks of one name whose errors have the same first line, apart
// from numbers.
func groupOf(name, text string) string {
	line, _, _ := strings.Cut(text, "\n")
	sum := sha256.Sum256([]byte(name + "\x00" + withoutNumbers(cut(line, maxGroup))))
	return hex.EncodeToString(sum[:8])
}

// withoutNumbers replaces each run of digits.
func withoutNumbers(s string) string {
	var b strings.Builder
	inNumber := false
	for _, r := range s {
		isDigit := r >= '0' && r <= '9'
		if !isDigit {
			b.WriteRune(r)
		} else if !inNumber {
			b.WriteByte('#')
		}
		inNumber = isDigit
	}
	return b.String()
}
