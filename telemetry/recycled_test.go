package telemetry_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// recycled is a context as some web frameworks have one: it is given to another
// request when its handler has returned.
type recycled struct {
	now atomic.Pointer[context.Context]
}

func (c *recycled) give(ctx context.Context)    { c.now.Store(&ctx) }
func (c *recycled) Deadline() (time.Time, bool) { return (*c.now.Load()).Deadline() }
func (c *recycled) Done() <-chan struct{}       { return (*c.now.Load()).Done() }
func (c *recycled) Err() error                  { return (*c.now.Load()).Err() }
func (c *recycled) Value(key any) any           { return (*c.now.Load()).Value(key) }

// askerOf returns the span that asked for the callback of a process span, whatever
// leads there: a parent or a link, and an ask span between the two.
func (g *rig) askerOf(process tracetest.SpanStub) trace.SpanContext {
	asker := process.Parent
	for _, l := range process.Links {
		asker = l.SpanContext
	}
	for _, s := range g.exporter.GetSpans() {
		if s.SpanContext.SpanID() == asker.SpanID() && strings.HasPrefix(s.Name, "ask ") {
			return s.Parent
		}
	}
	return asker
}

func TestSpansAndRecordsAreOfTheRequestThatAskedAlthoughItsContextIsRecycled(t *testing.T) {
	for name, change := range map[string]func(*telemetry.Config){
		"link":            nil,
		"child":           func(cfg *telemetry.Config) { cfg.Relation = telemetry.Child },
		"link, ask span":  withAskSpans,
		"child, ask span": func(cfg *telemetry.Config) { cfg.Relation, cfg.AskSpans = telemetry.Child, true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, change)
				r := g.runner(runner.Config{Timeout: time.Second})
				request, span, release := g.request(r)
				stranger, other := g.provider.Tracer("server").Start(t.Context(), "GET /")
				ctx := new(recycled)
				ctx.give(request)
				here := line() + 1
				require.NoError(t, r.After(ctx, "fails", fail, runner.RetryBackoff(2, nil)))
				require.NoError(t, r.After(ctx, "hangs", takes(time.Minute)))
				require.NoError(t, r.After(ctx, "nests", func(ctx context.Context) error { return r.Go(ctx, "nested", fail) }))
				ctx.give(stranger)
				release(nil)
				time.Sleep(2 * time.Minute)
				g.shutdown(r)
				other.End()

				asker := span.SpanContext()
				require.Len(t, g.spans("process fails"), 2)
				for _, process := range slices.Concat(g.spans("process fails"), g.spans("process hangs"), g.spans("process nests")) {
					require.Equal(t, asker.SpanID(), g.askerOf(process).SpanID(), process.Name)
					require.Equal(t, asker.TraceID(), g.askerOf(process).TraceID(), process.Name)
				}
				require.Equal(t, here, attrs(g.spans("process fails")[1].Attributes)["code.line.number"])
				for message, n := range map[string]int{
					names.LogRetried: 1, names.LogFailed: 2, names.LogStuck: 1, names.LogStuckEnded: 1, names.LogFinished: 2,
				} {
					records := g.records(message)
					require.Len(t, records, n, message)
					for _, record := range records {
						require.Equal(t, asker.TraceID().String(), record["request.trace_id"], "%s: %s", message, record["callback"])
					}
				}
				require.Empty(t, g.span("GET /").Events)
			})
		})
	}
}

func TestADrainNamesTheTraceOfTheRequestThatAskedAlthoughItsContextIsRecycled(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	request, span, release := g.request(r)
	defer release(nil)
	ctx := new(recycled)
	ctx.give(request)
	require.NoError(t, r.After(ctx, "a", succeed))
	ctx.give(t.Context())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := r.Shutdown(over)
	require.Error(t, err)
	require.Len(t, report.Lost, 1)
	require.Equal(t, span.SpanContext().TraceID().String(), report.Lost[0].TraceID)
	require.Equal(t, report.Lost[0].TraceID, g.record(slog.LevelWarn, names.LogDropped)["request.trace_id"])
}
