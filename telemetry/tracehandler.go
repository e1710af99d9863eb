package telemetry

import (
	"context"
	"log/slog"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// TraceHandler is a [slog.Handler] that adds trace_id and span_id of the
// context's span, and in a callback request.trace_id, to every record of a
// program, and then passes it on. With it the lines that a callback logs itself
// lead to its trace as well:
//
//	slog.SetDefault(slog.New(telemetry.NewTraceHandler(slog.NewJSONHandler(os.Stderr, nil))))
//
// What a record itself has already is not added again. What With has given a
// logger, or a group without a name holds, is not looked at, and a TraceHandler
// around another one adds the ids twice. They are top-level attributes, whatever
// groups are open. A handler that takes the ids from the context itself, such as
// the otelslog bridge, needs none: put this one around the others only, and set
// Config.OmitTraceIDs:
//
//	slog.NewMultiHandler(telemetry.NewTraceHandler(json), otelslog.NewHandler("shop"))
//
// It is safe for concurrent use, as the handler must be that it passes records on
// to. Only [NewTraceHandler] makes one: the zero value has no such handler, and
// panics at the first record.
type TraceHandler struct {
	next slog.Handler // without what is in open

	// open is what has been added since the first group was opened. The ids must
	// come before it, so it is done again for each record.
	open []func(slog.Handler) slog.Handler
}

// NewTraceHandler returns a TraceHandler that passes records on to next. It
// panics if next is nil, as slog.New does.
func NewTraceHandler(next slog.Handler) *TraceHandler {
	if next == nil {
		panic("telemetry: NewTraceHandler of a nil slog.Handler: give it the handler that writes the records")
	}
	return &TraceHandler{next: next}
}

// Enabled implements [slog.Handler]: it is what the next handler says.
func (h *TraceHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler]. It passes r on with the ids of ctx that r
// has not, and returns the next handler's error. Where ctx has none, r goes on as
// it is. r itself is not changed, as other handlers may have it too.
func (h *TraceHandler) Handle(ctx context.Context, r slog.Record) error {
	ids := idsOf(ctx, r, len(h.open) > 0)
	if len(h.open) == 0 {
		if len(ids) > 0 {
			r = r.Clone()
			r.AddAttrs(ids...)
		}
		return h.next.Handle(ctx, r)
	}
	next := h.next
	if len(ids) > 0 {
		next = next.WithAttrs(ids)
	}
	for _, open := range h.open {
		next = open(next)
	}
	return next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler]. The next handler takes attrs once, so that
// they cost a record no more than without a TraceHandler. In a group it takes
// them again for each record, as the ids must come before the group.
func (h *TraceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	if len(h.open) == 0 {
		return NewTraceHandler(h.next.WithAttrs(attrs))
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler]. The ids stay outside the group. From here
// on each record costs a WithGroup of the next handler, and what WithAttrs says.
func (h *TraceHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

// with returns a handler that does open to the next one as well, for each record.
// h stays as it is: several loggers may be made of one.
func (h *TraceHandler) with(open func(slog.Handler) slog.Handler) *TraceHandler {
	return &TraceHandler{next: h.next, open: append(slices.Clip(h.open), open)}
}

// idsOf returns the ids of ctx that r does not have yet. In a group, what r has
// is the group's and not meant.
func idsOf(ctx context.Context, r slog.Record, grouped bool) []slog.Attr {
	ids := make([]slog.Attr, 0, 3)
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		ids = append(ids, slog.String(names.KeyTraceID, sc.TraceID().String()), slog.String(names.KeySpanID, sc.SpanID().String()))
	}
	if p, ok := ctx.Value(anyProcess{}).(*process); ok && p.request.IsValid() {
		ids = append(ids, slog.String(names.KeyRequestTraceID, p.request.String()))
	}
	if grouped || len(ids) == 0 {
		return ids
	}
	r.Attrs(func(a slog.Attr) bool {
		ids = slices.DeleteFunc(ids, func(id slog.Attr) bool { return id.Key == a.Key })
		return len(ids) > 0
	})
	return ids
}
