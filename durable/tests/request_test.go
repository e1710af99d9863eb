package durable_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// A task that a callback enqueues is linked to the callback's span, and still names the request's trace.
func TestATaskEnqueuedAfterTheResponseNamesTheRequestsTrace(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		web, work := newSeen(t), newSeen(t) // two processes
		task := durable.Define("order.mail", durable.Options{}, func(context.Context, mail) error { return nil })
		enqueuer := s.queue(durable.Config{Role: durable.EnqueueOnly, Telemetry: web.tel})
		s.queue(durable.Config{Telemetry: work.tel}, task)

		r, err := runner.New(runner.Config{Observers: []runner.Observer{web.tel.Observer()}})
		require.NoError(t, err)
		ctx, request := web.tracer.Start(t.Context(), "POST /order")
		ctx, release := r.Scope(ctx)
		require.NoError(t, task.After(ctx, enqueuer, mail{}))
		request.End()
		release(nil)
		_, err = r.Shutdown(t.Context())
		require.NoError(t, err)

		callback, attempt := web.span("process order.mail", 1), work.span("process order.mail", 1)
		require.Len(t, attempt.Links, 1)
		require.Equal(t, callback.SpanContext.SpanID(), attempt.Links[0].SpanContext.SpanID())
		require.NotEqual(t, request.SpanContext().TraceID(), attempt.Links[0].SpanContext.TraceID())
		require.Equal(t, request.SpanContext().TraceID().String(), attributeOf(attempt, names.AttrRequestTrace).AsString())
	})
}
