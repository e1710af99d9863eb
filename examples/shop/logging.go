package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/afterglow-go/afterglow/telemetry"
)

// logLevel is the level that is logged from: info, or on a terminal with -load
// warn, as nobody can read some hundred lines a second.
func logLevel(w io.Writer, cfg config) slog.Level {
	switch {
	case cfg.logLevel != nil:
		return *cfg.logLevel
	case cfg.load > 0 && isTerminal(w):
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// newLogHandler writes text to a terminal and JSON elsewhere.
func newLogHandler(w io.Writer, level slog.Level) slog.Handler {
	opts := &slog.HandlerOptions{Level: level}
	if isTerminal(w) {
		return slog.NewTextHandler(w, opts)
	}
	return slog.NewJSONHandler(w, opts)
}

// newLogger prints records, with the ids of their context, and exports them,
// if the shop's environment says where to.
func newLogger(printed, exported slog.Handler) *slog.Logger {
	return slog.New(slog.NewMultiHandler(telemetry.NewTraceHandler(printed), exported))
}

// isTerminal knows nothing but character devices, which is enough to tell a
// terminal from a file or a pipe.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
