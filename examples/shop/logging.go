package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/telemetry"
)

// newLogHandler writes text to a terminal and JSON elsewhere. The default
// level is info; on a terminal with -load it is warn, as nobody can read some
// hundred lines a second.
func newLogHandler(w io.Writer, cfg config) slog.Handler {
	terminal := isTerminal(w)
	level := slog.LevelInfo
	switch {
	case cfg.logLevel != nil:
		level = *cfg.logLevel
	case terminal && cfg.load > 0:
		level = slog.LevelWarn
	}
	opts := &slog.HandlerOptions{Level: level}
	if terminal {
		return slog.NewTextHandler(w, opts)
	}
	return slog.NewJSONHandler(w, opts)
}

// newLogger prints records, with the ids that ids adds to them, and exports
// those that it prints, if the shop's environment says where to.
func newLogger(ids, printed, exported slog.Handler) *slog.Logger {
	return slog.New(slog.NewMultiHandler(ids, likeHandler{exported, printed}))
}

// likeHandler takes no record that another handler would not take.
type likeHandler struct {
	slog.Handler
	like slog.Handler
}

func (h likeHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.like.Enabled(ctx, level) && h.Handler.Enabled(ctx, level)
}

func (h likeHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return likeHandler{h.Handler.WithAttrs(attrs), h.like}
}

func (h likeHandler) WithGroup(name string) slog.Handler {
	return likeHandler{h.Handler.WithGroup(name), h.like}
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

// traceHandler adds the trace and span ids of the context to each record and,
// if that is a job's, the trace id of the request it is done for. The telemetry
// package adds them to its own records, so it gets the handler without this
// one.
type traceHandler struct{ slog.Handler }

func (h traceHandler) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		r.AddAttrs(slog.String(telemetry.KeyTraceID, sc.TraceID().String()), slog.String(telemetry.KeySpanID, sc.SpanID().String()))
	}
	if request := requestOf(ctx); request.IsValid() {
		r.AddAttrs(slog.String(telemetry.KeyRequestTraceID, request.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}
