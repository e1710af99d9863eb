package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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

func TestAChildAndLinkIsBoth(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.Relation = telemetry.ChildAndLink })
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	release()
	g.shutdown(r)

	span := g.span("process order.email")
	require.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID())
	require.Equal(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
	require.Len(t, span.Links, 1)
	require.Equal(t, request.SpanContext(), span.Links[0].SpanContext)
}

func TestWithoutAnAskersSpanACallbackIsARootUnderEveryRelation(t *testing.T) {
	for _, relation := range []telemetry.Relation{telemetry.Link, telemetry.Child, telemetry.ChildAndLink} {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.Relation = relation })
		g.run(g.runner(runner.Config{}), "cron", succeed)
		require.False(t, g.span("process cron").Parent.IsValid(), relation)
		require.Empty(t, g.span("process cron").Links, relation)
	}
}

func TestTheRelationCanBeChosenForEachRunnerAndCallback(t *testing.T) {
	var mu sync.Mutex
	asked := make(map[string]int)
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.MaxNames = 2
		cfg.RelationFor = func(runnerName, callback string) telemetry.Relation {
			mu.Lock()
			defer mu.Unlock()
			asked[runnerName+" "+callback]++
			switch {
			case runnerName == "cron":
				return telemetry.ChildAndLink
			case callback == "order.email":
				return telemetry.Child
			}
			return telemetry.Link
		}
	})
	web, cron := g.runner(runner.Config{Name: "web"}), g.runner(runner.Config{Name: "cron"})
	ctx, request, release := g.request(web)
	for range 3 {
		for _, name := range []string{"order.email", "order.webhook", "folded"} {
			require.NoError(t, web.Go(ctx, name, succeed))
		}
		require.NoError(t, cron.Go(ctx, "order.email", succeed))
	}
	release()
	g.shutdown(web)
	g.shutdown(cron)

	require.Equal(t, map[string]int{"web order.email": 1, "web order.webhook": 1, "web folded": 3, "cron order.email": 1}, asked)
	seen := make(map[string]int)
	for _, span := range g.exporter.GetSpans() {
		if strings.HasPrefix(span.Name, "process ") {
			isChild := span.Parent.SpanID() == request.SpanContext().SpanID()
			seen[fmt.Sprintf("%s %s: child %t, links %d", attrs(span.Attributes)["afterglow.runner"], span.Name, isChild, len(span.Links))]++
		}
	}
	require.Equal(t, map[string]int{
		"web process order.email: child true, links 0":    3,
		"web process order.webhook: child false, links 1": 3,
		"web process folded: child false, links 1":        3,
		"cron process order.email: child true, links 1":   3,
	}, seen)
}

func TestARelationThatCannotBeUsedIsCountedAndTheConfiguredOneHolds(t *testing.T) {
	for name, choose := range map[string]func(string, string) telemetry.Relation{
		"invalid": func(string, string) telemetry.Relation { return 7 },
		"panic":   func(string, string) telemetry.Relation { panic("mine") },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(cfg *telemetry.Config) { cfg.Relation, cfg.RelationFor = telemetry.Child, choose })
			r := g.runner(runner.Config{})
			ctx, request, release := g.request(r)
			require.NoError(t, r.After(ctx, "a", succeed))
			require.NoError(t, r.After(ctx, "a", succeed))
			release()
			g.shutdown(r)
			for _, span := range g.exporter.GetSpans() {
				if span.Name == "process a" {
					require.Equal(t, request.SpanContext().SpanID(), span.Parent.SpanID())
				}
			}
			require.Equal(t, map[string]float64{"metrics": 0, "traces": 1, "logs": 0, "observer": 0}, g.errors())
		})
	}
}
