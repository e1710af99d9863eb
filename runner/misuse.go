package runner

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// Misuse is a mistake in a call of this package, for which no callback is asked
// for.
type Misuse uint8

// The mistakes, each with the error it stands for.
const (
	MisuseNoScope     Misuse = iota // ErrNoScope
	MisuseInvalidName               // ErrInvalidName
	MisuseNilFunc                   // ErrNilFunc

	// NumMisuses is the number of mistakes: range over it to visit each.
	NumMisuses
)

// String returns the mistake as metrics spell it: no_scope, invalid_name or
// nil_func.
func (m Misuse) String() string {
	if m < NumMisuses {
		return [...]string{"no_scope", "invalid_name", "nil_func"}[m]
	}
	return fmt.Sprintf("Misuse(%d)", uint8(m))
}

// Misuses returns how often each mistake was made in this process. They belong to
// no runner: a context without a scope leads to none.
func Misuses() (counts [NumMisuses]uint64) {
	for m := range counts {
		counts[m] = misuses.counts[m].Load()
	}
	return counts
}

// maxSites bounds how many lines are remembered that have made a mistake.
const maxSites = 1000

var misuses struct {
	counts [NumMisuses]atomic.Uint64
	sites  sync.Map // the line's program counter -> nil
	known  atomic.Int64
}

// misused counts a mistake and returns err. The first time that a line makes it,
// it is logged with the default logger: a handler that answers 503 to everybody
// otherwise says nothing about why.
func misused(m Misuse, name string, err error, opts ...Option) error {
	misuses.counts[m].Add(1)
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	frame, more := frames.Next()
	for more && strings.HasPrefix(frame.Function, packagePath+".") {
		frame, more = frames.Next()
	}
	if pc := callerIn(opts, 0); pc != 0 {
		frame, _ = runtime.CallersFrames([]uintptr{pc}).Next()
	}
	if _, known := misuses.sites.Load(frame.PC); known || misuses.known.Load() >= maxSites {
		return err
	}
	if _, known := misuses.sites.LoadOrStore(frame.PC, nil); !known {
		misuses.known.Add(1)
		logMisuse(name, frame, err)
	}
	return err
}

// logMisuse logs a mistake. A log handler that panics costs its record only.
func logMisuse(name string, call runtime.Frame, err error) {
	defer func() { _ = recover() }()
	slog.LogAttrs(context.Background(), slog.LevelError, "afterglow: this call asks for nothing", slog.String("callback", name),
		slog.String("call", fmt.Sprintf("%s:%d", call.File, call.Line)), slog.String("error", err.Error()))
}

const packagePath = "github.com/afterglow-go/afterglow/runner"
