package console

import (
	"html/template"
	"strings"
	"testing"
	"time"
)

// A clock that was set back must not show failures of the future, nor ages below zero.
// What a store says has no monotonic reading, so its times can be ahead of ours.
func TestTimesAheadOfTheClockAreNow(t *testing.T) {
	now := time.Now()
	ago := functionsOfTemplates["ago"].(func(*Head, time.Time) template.HTML)
	for _, at := range []time.Time{now, now.Add(time.Hour), now.Round(0).Add(time.Hour)} {
		if text := string(ago(&Head{Now: now}, at)); !strings.Contains(text, ">now<") {
			t.Errorf("%v from %v is %s", at, now, text)
		}
	}
	if text := string(ago(&Head{Now: now}, now.Add(-time.Minute))); !strings.Contains(text, ">1 min ago<") {
		t.Error(text)
	}
	if text := human(-time.Hour); text != "0 s" {
		t.Error(text)
	}
}

// Points are in the order of the monotonic clock, whatever the time of day was.
func TestPointsDoNotUseTheTimeOfDay(t *testing.T) {
	r := newRing[point](4)
	for i := range 9 {
		r.push(point{at: time.Duration(i) * time.Second})
	}
	for window, want := range map[time.Duration]time.Duration{0: 8 * time.Second, 2 * time.Second: 6 * time.Second, 2500 * time.Millisecond: 5 * time.Second, time.Hour: 5 * time.Second} {
		if got := r.at(before(&r, 8*time.Second, window, (*point).time)).at; got != want {
			t.Errorf("%v ago is the point at %v, want %v", window, got, want)
		}
	}
}

func TestTextsOfStrangersBecomeOneLineThatIsCut(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"a\nb\tc":              "a ⏎ b c",
		"\x1b[31m":             `\x1b[31m`,
		"a\u202eb":             `a\u202eb`,
		"a\xffb":               `a\xffb`,
		"grün 日本 👍":            "grün 日本 👍",
		strings.Repeat("é", 9): "éééé…",
	} {
		if got := clean(in, 9); len(in) <= 9 && got != want || len(in) > 9 && !strings.HasSuffix(got, "…") {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	if got := cleanLines("a\n\tb\r", 99); got != "a\n\tb\\x0d" {
		t.Errorf("%q", got)
	}
}

func TestTheShapeOfAMessageHasNoNumbersAndIds(t *testing.T) {
	for in, want := range map[string]string{
		"dial tcp 10.0.0.1:443: connection refused":                   "dial tcp #.#.#.#:#: connection refused",
		"no user ada@example.org":                                     "no user #.org",
		"order 7f3a-99: unknown product_12":                           "order #: unknown #",
		"read tasks: 6ba7b810-9dad-11d1-80b4-00c04fd430c8 is missing": "read tasks: # is missing",
		"no such host": "no such host",
	} {
		if got := shape(in); got != want {
			t.Errorf("%q has the shape %q, want %q", in, got, want)
		}
	}
}

func TestAStackLeadsToTheUsersOwnFrame(t *testing.T) {
	const panicked = `goroutine 7 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
github.com/afterglow-go/afterglow/runner.call.func1()
	/src/afterglow/runner/call.go:25 +0x55
panic({0x8d5b60?, 0xc000014120?})
	/usr/local/go/src/runtime/panic.go:792 +0x132
runtime.mapassign_faststr(...)
	/usr/local/go/src/internal/runtime/maps/runtime_faststr_swiss.go:263 +0x1e
example.com/lib/mail.(*Client).Send(0xc000012345, {0x1, 0x2})
	/go/pkg/mod/example.com/lib/mail.go:9 +0x10
main.(*shop).sendMail(0xc000012345)
	/src/shop/mail.go:88 +0x1d
github.com/afterglow-go/afterglow/runner.call(0xc0001)
	/src/afterglow/runner/call.go:29 +0x8d
created by github.com/afterglow-go/afterglow/runner.(*Runner).unlock in goroutine 1
	/src/afterglow/runner/runner.go:146 +0x12f
`
	f, ok := usersFrame(parseStack(panicked))
	if !ok || f.String() != "mail.go:88" || f.Func != "main.(*shop).sendMail" {
		t.Errorf("%+v, %v", f, ok)
	}
	if f, ok := usersFrame(parseStack("time.Sleep\n\t/usr/local/go/src/runtime/time.go:9")); ok {
		t.Errorf("%+v is not the user's", f)
	}
}
