package console

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of texts that come from outside, in bytes.
const (
	maxName    = 128
	maxRef     = 256
	maxError   = 1024
	maxType    = 128
	maxStack   = 4096
	maxRoute   = 256
	maxPayload = 1024
	ellipsis   = "…"
)

// clean returns s as one line of at most about n bytes that shows what is in it: what
// would move the cursor, color the terminal, or turn the direction of the text is
// written as an escape. It looks at no more than the first n bytes.
func clean(s string, n int) string { return cleaned(s, n, false) }

// cleanLines is clean for text of several lines.
func cleanLines(s string, n int) string { return cleaned(s, n, true) }

func cleaned(s string, n int, lines bool) string {
	cut := len(s) > n
	if cut {
		s = s[:n]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, size := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && size == 1 {
			s = s[:len(s)-1] // a character that the cut has halved
		}
	}
	if !isClean(s, lines) {
		s = escape(s, lines)
	}
	if cut {
		s += ellipsis
	}
	return s
}

func isClean(s string, lines bool) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !isShown(r, lines) {
			return false
		}
	}
	return true
}

// isShown reports whether a character shows as itself.
func isShown(r rune, lines bool) bool {
	if r == '\n' || r == '\t' {
		return lines
	}
	return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Zs, r) || r == 0xa0
}

func escape(s string, lines bool) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case isShown(r, lines):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(" ⏎ ")
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}

// said is what an error says of itself, cut. A method that panics costs its text.
func said(err error) (text string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			text = "(" + typeOf(err) + ", which cannot say what it is)"
		}
	}()
	return clean(err.Error(), maxError)
}

func typeOf(v any) string { return clean(fmt.Sprintf("%T", v), maxType) }

// shape returns a message without what differs from one failure to the next: words with
// a digit in them, such as numbers, ids and addresses, and mail addresses.
func shape(message string) string {
	var b strings.Builder
	for len(message) > 0 {
		n := 0
		differs := false
		for n < len(message) {
			r, size := utf8.DecodeRuneInString(message[n:])
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '@' {
				break
			}
			differs = differs || unicode.IsDigit(r) || r == '@'
			n += size
		}
		switch {
		case n == 0:
			_, size := utf8.DecodeRuneInString(message)
			b.WriteString(message[:size])
			n = size
		case differs:
			b.WriteByte('#')
		default:
			b.WriteString(message[:n])
		}
		message = message[n:]
	}
	return b.String()
}
