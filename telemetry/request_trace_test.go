package telemetry_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// Some viewers show no links.
func TestAProcessSpanNamesTheRequestsTrace(t *testing.T) {
	for _, relation := range []telemetry.Relation{telemetry.Link, telemetry.Child} {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.Relation = relation })
		r := g.runner(runner.Config{})
		ctx, request, release := g.request(r)
		require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
			return r.After(ctx, "inner", fail, runner.RetryBackoff(2, nil))
		}))
		release(nil)
		require.NoError(t, r.Go(t.Context(), "cron", succeed))
		require.NoError(t, runner.Wait(ctx))
		g.shutdown(r)
		want := request.SpanContext().TraceID().String()
		require.Equal(t, want, attrs(g.span("process outer").Attributes)["afterglow.request.trace_id"])
		for _, attempt := range g.spans("process inner") {
			require.Equal(t, want, attrs(attempt.Attributes)["afterglow.request.trace_id"])
		}
		require.NotContains(t, attrs(g.span("process cron").Attributes), "afterglow.request.trace_id")
	}
}
