package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// idleSpan does not record, and counts what it is given all the same.
type idleSpan struct {
	noop.Span
	sc    trace.SpanContext
	given *atomic.Int64
}

func (s idleSpan) SpanContext() trace.SpanContext          { return s.sc }
func (s idleSpan) IsRecording() bool                       { return false }
func (s idleSpan) SetAttributes(...attribute.KeyValue)     { s.given.Add(1) }
func (s idleSpan) AddEvent(string, ...trace.EventOption)   { s.given.Add(1) }
func (s idleSpan) AddLink(trace.Link)                      { s.given.Add(1) }
func (s idleSpan) SetStatus(codes.Code, string)            { s.given.Add(1) }
func (s idleSpan) RecordError(error, ...trace.EventOption) { s.given.Add(1) }
func (s idleSpan) End(...trace.SpanEndOption)              { s.given.Add(1) }

// idleTracer starts idle spans.
type idleTracer struct {
	noop.Tracer
	started, given *atomic.Int64
}

func (t idleTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	id := byte(t.started.Add(1))
	span := idleSpan{given: t.given, sc: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id}})}
	return trace.ContextWithSpan(ctx, span), span
}

type idleProvider struct {
	noop.TracerProvider
	tracer idleTracer
}

func (p idleProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return p.tracer }

func TestASpanThatDoesNotRecordIsGivenNothing(t *testing.T) {
	tracer := idleTracer{started: new(atomic.Int64), given: new(atomic.Int64)}
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = idleProvider{tracer: tracer} })
	r := g.runner(runner.Config{Workers: 1})
	request, _ := tracer.Start(t.Context(), "POST /api/orders")
	var seen trace.SpanContext
	require.NoError(t, r.Go(request, "a", func(ctx context.Context) error {
		seen = trace.SpanContextFromContext(ctx)
		return errors.New("no")
	}, runner.Timeout(time.Hour)))
	require.NoError(t, r.Go(request, "b", func(context.Context) error { panic("no") }))
	g.shutdown(r)
	require.ErrorIs(t, r.Go(request, "c", succeed), runner.ErrClosed)

	require.EqualValues(t, 4, tracer.started.Load(), "the request's, one of each callback that ran, and the drain's")
	require.Zero(t, tracer.given.Load())
	require.Equal(t, seen.TraceID().String(), g.record(slog.LevelError, names.LogFailed)["trace_id"], "the record can still be found by what the callback called")
}
