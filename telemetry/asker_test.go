package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// eventsOf counts the events of a span by name.
func eventsOf(s tracetest.SpanStub) map[string]int {
	counts := make(map[string]int)
	for _, e := range s.Events {
		counts[e.Name]++
	}
	return counts
}

// An SDK keeps the last 128 events of a span.
func TestManyCallbacksLeaveTheAskersOwnEventsOnItsSpan(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	request.RecordError(errors.New("no stock"))
	for i := range 200 {
		require.NoError(t, r.After(ctx, fmt.Sprintf("callback.%d", i), succeed))
	}
	release(nil)
	g.shutdown(r)
	span := g.span("POST /api/orders")
	require.Equal(t, map[string]int{"exception": 1, names.EventAccepted: 8, names.EventUnlisted: 1}, eventsOf(span))
	require.Equal(t, map[string]any{"afterglow.asked.count": int64(200)}, attrs(span.Attributes))
	require.Equal(t, "callback.7", attrs(span.Events[8].Attributes)["afterglow.callback.name"])
	require.Equal(t, names.EventUnlisted, span.Events[9].Name)
	require.Zero(t, span.DroppedEvents+span.DroppedAttributes)
}

func TestEightCallbacksAreListedAndNothingCountsThem(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Queue: 5})
	ctx, _, release := g.request(r)
	for i := range 8 {
		require.Equal(t, i < 5, r.After(ctx, "a", succeed) == nil)
	}
	release(nil)
	g.shutdown(r)
	span := g.span("POST /api/orders")
	require.Equal(t, map[string]int{names.EventAccepted: 5, names.EventRejected: 3}, eventsOf(span))
	require.Empty(t, span.Attributes)
}

func TestWhatIsNotListedIsCountedByItsAnswer(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Queue: 10})
	ctx, _, release := g.request(r)
	for i := range 25 {
		require.Equal(t, i < 10, r.After(ctx, "a", succeed) == nil)
	}
	release(nil)
	g.shutdown(r)
	span := g.span("POST /api/orders")
	require.Equal(t, map[string]int{names.EventAccepted: 8, names.EventUnlisted: 1}, eventsOf(span))
	require.Equal(t, map[string]any{"afterglow.asked.count": int64(25), "afterglow.rejected.count": int64(15)}, attrs(span.Attributes))
}

func TestEachSpanThatAsksIsBoundedOnItsOwn(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
		for range 150 {
			if err := r.Go(ctx, "inner", succeed); err != nil {
				return err
			}
		}
		return errors.New("no")
	}))
	release(nil)
	require.NoError(t, runner.Wait(ctx))
	g.shutdown(r)
	require.Equal(t, map[string]int{names.EventAccepted: 1}, eventsOf(g.span("POST /api/orders")))
	outer := g.span("process outer")
	require.Equal(t, map[string]int{"exception": 1, names.EventAccepted: 8, names.EventUnlisted: 1}, eventsOf(outer))
	require.EqualValues(t, 150, attrs(outer.Attributes)["afterglow.asked.count"])
}

// heldSpan holds up the goroutine that sets the count for which it waits.
type heldSpan struct {
	trace.Span
	count     int64
	held, let chan struct{}
}

func (s heldSpan) SetAttributes(attrs ...attribute.KeyValue) {
	if attrs[0].Value.AsInt64() == s.count {
		close(s.held)
		<-s.let
	}
	s.Span.SetAttributes(attrs...)
}

func TestACountThatIsToldLateDoesNotStand(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	held := heldSpan{request, 9, make(chan struct{}), make(chan struct{})}
	ctx = trace.ContextWithSpan(ctx, held)
	for range 8 {
		require.NoError(t, r.After(ctx, "a", succeed))
	}
	ninth := make(chan error)
	go func() { ninth <- r.After(ctx, "a", succeed) }()
	<-held.held
	require.NoError(t, r.After(ctx, "a", succeed))
	close(held.let)
	require.NoError(t, <-ninth)
	release(nil)
	g.shutdown(r)
	require.EqualValues(t, 10, attrs(g.span("POST /api/orders").Attributes)["afterglow.asked.count"])
}

func TestTheCountIsExactHoweverManyGoroutinesAsk(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Queue: 1000})
	ctx, _, release := g.request(r)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 25 {
				if err := r.After(ctx, "a", succeed); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	release(nil)
	g.shutdown(r)
	span := g.span("POST /api/orders")
	require.Equal(t, map[string]int{names.EventAccepted: 8, names.EventUnlisted: 1}, eventsOf(span))
	require.EqualValues(t, 400, attrs(span.Attributes)["afterglow.asked.count"])
}

// What is remembered of spans is bounded, so that one that has asked is forgotten in the
// end. Some thousand others must have asked since.
func TestASpanIsRememberedWhileOthersAsk(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	ask := func(ctx context.Context, n int) {
		for range n {
			require.NoError(t, r.Do(ctx, "a", succeed))
		}
	}
	others := func(n int) {
		for range n {
			ctx, _, release := g.request(r)
			ask(ctx, 1)
			release(nil)
		}
	}
	ask(ctx, 8)
	others(4000)
	ask(ctx, 1)
	others(4000)
	ask(ctx, 1)
	release(nil)
	g.shutdown(r)
	for _, span := range g.exporter.GetSpans() {
		if span.SpanContext.SpanID() == request.SpanContext().SpanID() {
			require.Equal(t, map[string]int{names.EventAccepted: 8, names.EventUnlisted: 1}, eventsOf(span))
			require.EqualValues(t, 10, attrs(span.Attributes)["afterglow.asked.count"])
		}
	}
}
