package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestATraceHandlerIsAHandlerAsSlogWantsIt(t *testing.T) {
	var buf *bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf = new(bytes.Buffer)
		return telemetry.NewTraceHandler(slog.NewJSONHandler(buf, nil))
	}, func(t *testing.T) map[string]any {
		var record map[string]any
		require.NoError(t, json.Unmarshal(buf.Bytes(), &record))
		return record
	})
}

func TestWhatACallbackLogsItselfLeadsToItsTraceAndItsRequest(t *testing.T) {
	for name, derive := range map[string]func(*slog.Logger) *slog.Logger{
		"plain":           func(l *slog.Logger) *slog.Logger { return l },
		"in a group":      func(l *slog.Logger) *slog.Logger { return l.WithGroup("order") },
		"with attributes": func(l *slog.Logger) *slog.Logger { return l.With("app", "shop") },
		"in a group of them": func(l *slog.Logger) *slog.Logger {
			return l.With("app", "shop").WithGroup("order").With("id", 7).WithGroup("mail")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, nil)
				logger := derive(slog.New(telemetry.NewTraceHandler(slog.NewJSONHandler(g.logs, nil))))
				r := g.runner(runner.Config{})
				ctx, request, release := g.request(r)
				require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
					return r.Go(ctx, "inner", func(ctx context.Context) error {
						logger.InfoContext(ctx, "mine", "to", "ada")
						return nil
					})
				}))
				release(nil)
				synctest.Wait()
				g.shutdown(r)
				record := g.record(slog.LevelInfo, "mine")
				span := g.span("process inner").SpanContext
				require.Equal(t, span.TraceID().String(), record["trace_id"])
				require.Equal(t, span.SpanID().String(), record["span_id"])
				require.Equal(t, request.SpanContext().TraceID().String(), record["request.trace_id"])
				b, err := json.Marshal(record)
				require.NoError(t, err)
				require.Contains(t, string(b), `"to":"ada"`)
				if strings.Contains(name, "group") {
					require.Contains(t, record, "order")
					require.NotContains(t, record, "to")
				}
			})
		})
	}
}

func TestWithoutASpanATraceHandlerAddsNothing(t *testing.T) {
	g := newRig(t, nil)
	logger := slog.New(telemetry.NewTraceHandler(slog.NewJSONHandler(g.logs, nil)))
	logger.InfoContext(t.Context(), "mine")
	record := g.record(slog.LevelInfo, "mine")
	require.Len(t, record, 3, "time, level and message: %v", record)
	logger.Debug("not enabled")
	require.Empty(t, g.records("not enabled"))
}

func TestNoRecordHasItsIdsTwice(t *testing.T) {
	for _, omit := range []bool{false, true} {
		g := newRig(t, func(cfg *telemetry.Config) {
			cfg.Logger = slog.New(telemetry.NewTraceHandler(cfg.Logger.Handler()))
			cfg.OmitTraceIDs = omit
		})
		r := g.runner(runner.Config{})
		ctx, request, release := g.request(r)
		require.NoError(t, r.After(ctx, "a", fail))
		release(nil)
		g.shutdown(r)
		g.logs.mu.Lock()
		text := g.logs.buf.String()
		g.logs.mu.Unlock()
		for line := range strings.Lines(text) { // of the callback, and of the drain
			for _, key := range []string{`"trace_id":`, `"span_id":`} {
				require.Equal(t, 1, strings.Count(line, key), "%s in %s", key, line)
			}
		}
		require.Equal(t, 1, strings.Count(text, `"request.trace_id":`), text)
		require.Equal(t, request.SpanContext().TraceID().String(), g.record(slog.LevelError, names.LogFailed)["request.trace_id"])
	}
}

func TestTraceIdsCanBeLeftToTheHandler(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.OmitTraceIDs = true })
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "a", fail))
	release(nil)
	_, err := r.Shutdown(ctx)
	require.NoError(t, err)
	require.Contains(t, g.record(slog.LevelError, names.LogFailed), "request.trace_id")
	for _, message := range []string{names.LogFailed, names.LogDrainStarted, names.LogDrainFinished} {
		record := g.records(message)[0]
		require.NotContains(t, record, "trace_id")
		require.NotContains(t, record, "span_id")
	}
}

func TestATraceHandlerNeedsAHandler(t *testing.T) {
	require.PanicsWithValue(t, "telemetry: NewTraceHandler of a nil slog.Handler: give it the handler that writes the records",
		func() { telemetry.NewTraceHandler(nil) })
}

func TestLoggersMadeOfOneTraceHandlerServeManyGoroutinesAndKeepApart(t *testing.T) {
	g := newRig(t, nil)
	group := slog.New(telemetry.NewTraceHandler(slog.NewJSONHandler(g.logs, nil))).WithGroup("order").With("a", 1).With("b", 2)
	ctx, span := g.provider.Tracer("server").Start(t.Context(), "POST /api/orders")
	defer span.End()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			logger := group.With("id", i) // of the same group
			for range 10 {
				logger.InfoContext(ctx, "placed", "also", i)
			}
		})
	}
	all.Wait()
	records := g.records("placed")
	require.Len(t, records, 80)
	for _, record := range records {
		order := record["order"].(map[string]any)
		require.Equal(t, order["also"], order["id"])
		require.Equal(t, span.SpanContext().TraceID().String(), record["trace_id"])
	}
}
