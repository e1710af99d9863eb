package signals_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// exported keeps the records that the log SDK exports.
type exported struct {
	mu      sync.Mutex
	records []sdklog.Record
}

func (e *exported) Export(_ context.Context, records []sdklog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range records {
		e.records = append(e.records, r.Clone())
	}
	return nil
}
func (*exported) Shutdown(context.Context) error   { return nil }
func (*exported) ForceFlush(context.Context) error { return nil }

// record returns the one exported record with that message, and its attributes.
func (e *exported) record(t *testing.T, message string) (found sdklog.Record, attrs map[string]attribute.Value) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.records {
		if r.Body().AsString() == message {
			require.Nil(t, attrs, "two records %q", message)
			found, attrs = r, make(map[string]attribute.Value)
			r.WalkAttributes(func(kv attribute.KeyValue) bool {
				require.NotContains(t, attrs, string(kv.Key), "twice")
				attrs[string(kv.Key)] = kv.Value
				return true
			})
		}
	}
	require.NotNil(t, attrs, "no record %q", message)
	return found, attrs
}

// One Logger feeds a JSON handler and the bridge: each gets the ids of the
// process span once, in the form that is its own.
func TestAFanOutToJSONAndOtelslogHasTheTraceIdsOnceInEach(t *testing.T) {
	logs, spans, text := new(exported), tracetest.NewInMemoryExporter(), new(bytes.Buffer)
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(logs)))
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	logger := slog.New(slog.NewMultiHandler(
		telemetry.NewTraceHandler(slog.NewJSONHandler(text, nil)),
		otelslog.NewHandler("shop", otelslog.WithLoggerProvider(loggers)),
	))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: tracers, Registerer: prometheus.NewRegistry(), Logger: logger, OmitTraceIDs: true,
	})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)

	ctx, request := tracers.Tracer("server").Start(t.Context(), "POST /api/orders")
	scope, release := r.Scope(ctx)
	require.NoError(t, r.After(scope, "order.email", func(ctx context.Context) error {
		logger.InfoContext(ctx, "mine")
		return errors.New("mailbox full")
	}))
	request.End()
	release(nil)
	_, err = r.Shutdown(ctx)
	require.NoError(t, err)

	var process trace.SpanContext
	for _, s := range spans.GetSpans() {
		if s.Name == "process order.email" {
			process = s.SpanContext
		}
	}
	require.True(t, process.IsValid())
	lines := make(map[string]string)
	for line := range bytes.Lines(text.Bytes()) {
		var record struct {
			Msg string `json:"msg"`
		}
		require.NoError(t, json.Unmarshal(line, &record))
		lines[record.Msg] = string(line)
	}

	for _, message := range []string{names.LogFailed, "mine"} {
		record, attrs := logs.record(t, message)
		require.Equal(t, process.TraceID(), record.TraceID(), message)
		require.Equal(t, process.SpanID(), record.SpanID(), message)
		require.NotContains(t, attrs, names.KeyTraceID)
		require.NotContains(t, attrs, names.KeySpanID)
		if message == names.LogFailed {
			require.Equal(t, request.SpanContext().TraceID().String(), attrs[names.KeyRequestTraceID].AsString())
		}

		line := []byte(lines[message])
		for key, id := range map[string]string{
			names.KeyTraceID:        process.TraceID().String(),
			names.KeySpanID:         process.SpanID().String(),
			names.KeyRequestTraceID: request.SpanContext().TraceID().String(),
		} {
			require.Equal(t, 1, bytes.Count(line, []byte(`"`+key+`":"`+id+`"`)), "%s in %s", key, line)
			require.Equal(t, 1, bytes.Count(line, []byte(`"`+key+`":`)), "%s in %s", key, line)
		}
	}
	record, _ := logs.record(t, names.LogDrainFinished)
	require.Equal(t, request.SpanContext().TraceID(), record.TraceID(), "the drain is in the trace of its context")
}

// Without any set-up the records carry the ids themselves, so that a handler
// that knows nothing of traces writes them.
func TestByDefaultAnyHandlerGetsTheTraceIdsAsAttributes(t *testing.T) {
	logs := new(exported)
	loggers := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(logs)))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: sdktrace.NewTracerProvider(), Registerer: prometheus.NewRegistry(),
		Logger: slog.New(otelslog.NewHandler("shop", otelslog.WithLoggerProvider(loggers))),
	})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)
	require.NoError(t, r.Go(t.Context(), "order.email", func(context.Context) error { return errors.New("no") }))
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)
	record, attrs := logs.record(t, names.LogFailed)
	require.Equal(t, record.TraceID().String(), attrs[names.KeyTraceID].AsString())
}
