package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestACallbackIsTheRootOfItsOwnTraceLinkedToTheRequest(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Name: "shop"})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	release()
	g.shutdown(r)

	span := g.span("process order.email")
	require.Equal(t, trace.SpanKindConsumer, span.SpanKind)
	require.False(t, span.Parent.IsValid())
	require.NotEqual(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
	require.Len(t, span.Links, 1)
	require.Equal(t, request.SpanContext(), span.Links[0].SpanContext)
	require.Equal(t, telemetry.ScopeName, span.InstrumentationScope.Name)
	require.NotEmpty(t, span.InstrumentationScope.Version)
	require.Equal(t, codes.Unset, span.Status.Code)
	require.Empty(t, span.Events)
}

func TestAChildIsInTheTraceOfTheRequest(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.Relation = telemetry.Child })
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	release()
	g.shutdown(r)

	span := g.span("process order.email")
	require.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID())
	require.Equal(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
	require.Empty(t, span.Links)
}

func TestANestedCallbackIsLinkedToTheOneThatAskedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		ctx, request, release := g.request(r)
		require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
			return r.After(ctx, "inner", func(context.Context) error { return errors.New("no") })
		}))
		release()
		synctest.Wait()
		g.shutdown(r)

		outer, inner := g.span("process outer"), g.span("process inner")
		require.Equal(t, outer.SpanContext, inner.Links[0].SpanContext)
		require.True(t, hasEvent(outer, telemetry.EventScheduled))
		record := g.record(slog.LevelError, telemetry.LogFailed)
		require.Equal(t, inner.SpanContext.TraceID().String(), record["trace_id"])
		require.Equal(t, request.SpanContext().TraceID().String(), record["request.trace_id"], "that of the request, not of the callback between")
	})
}
