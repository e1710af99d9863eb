package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Every message that names a callback is written here.
func TestEveryRecordOfACallbackHasItsReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Workers: 1, Queue: 2, MaxNames: 1, Timeout: time.Second})
		ref := runner.Ref("order 7")
		ask := func(want error, fn func(context.Context) error, opts ...runner.Option) {
			t.Helper()
			require.ErrorIs(t, r.Go(t.Context(), "order.email", fn, append(opts, ref)...), want)
		}
		end := func() { time.Sleep(time.Minute) }
		require.NoError(t, r.Go(t.Context(), "first", succeed, ref))
		end()
		ask(nil, func(context.Context) error { return errors.New("no") }, runner.RetryBackoff(2, nil)) // folds
		end()
		ask(nil, explode)
		end()
		ask(nil, hang)
		end()
		ask(nil, takes(5*time.Second)) // is found stuck
		end()
		ask(nil, takes(5*time.Second), runner.Timeout(-1))
		ask(nil, succeed) // late
		ask(nil, succeed)
		ask(runner.ErrQueueFull, succeed)
		end()
		ask(nil, hang, runner.Timeout(-1))
		ask(nil, succeed) // dropped
		over, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)

		other := g.runner(runner.Config{Name: "deaf", Workers: 1, Timeout: -1})
		require.NoError(t, other.Go(t.Context(), "order.email", takes(time.Hour), ref))
		_, err = other.Shutdown(over)
		require.Error(t, err)
		time.Sleep(2 * time.Hour)

		for _, message := range []string{
			names.LogFinished, names.LogNamesFolded, names.LogRetried, names.LogFailed, names.LogPanicked, names.LogTimedOut,
			names.LogStuck, names.LogStuckEnded, names.LogSlowStart, names.LogRejected, names.LogCanceled, names.LogDropped, names.LogAbandoned,
		} {
			records := g.records(message)
			require.NotEmpty(t, records, message)
			for _, record := range records {
				require.Equal(t, "order 7", record["ref"], message)
			}
		}
		lost := g.records(names.LogDrainFinished)
		require.Equal(t, []any{"order.email: order 7", "order.email: order 7"}, lost[0]["lost_refs"])
		require.NotContains(t, g.scrape(openMetrics), "order 7")
	})
}

func TestWhereThereIsNoReferenceNothingSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, withAskSpans)
		r := g.runner(runner.Config{Workers: 1, Timeout: -1})
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "order.email", hang))
		release(nil)
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "order.email", succeed))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)
		require.NotContains(t, g.record(slog.LevelWarn, names.LogCanceled), "ref")
		require.NotContains(t, g.record(slog.LevelWarn, names.LogDropped), "ref")
		require.NotContains(t, g.record(slog.LevelWarn, names.LogDrainFinished), "lost_refs")
		for _, span := range g.exporter.GetSpans() {
			require.NotContains(t, attrs(span.Attributes), names.AttrRef)
			for _, e := range span.Events {
				require.NotContains(t, attrs(e.Attributes), names.AttrRef)
			}
		}
	})
}

func TestTheSpansOnBothSidesHaveTheReference(t *testing.T) {
	g := newRig(t, withAskSpans)
	r := g.runner(runner.Config{Queue: 1})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed, runner.Ref("order 7")))
	require.ErrorIs(t, r.After(ctx, "order.webhook", succeed, runner.Ref("order 8")), runner.ErrQueueFull)
	release(nil)
	g.shutdown(r)
	request := g.span("POST /api/orders")
	for ref, carrier := range map[string][]map[string]any{
		"order 7": {
			attrs(g.span("process order.email").Attributes), attrs(g.span("ask order.email").Attributes),
			attrs(event(t, request, names.EventAccepted).Attributes),
		},
		"order 8": {attrs(g.span("ask order.webhook").Attributes), attrs(event(t, request, names.EventRejected).Attributes)},
	} {
		for i, carried := range carrier {
			require.Equal(t, ref, carried["afterglow.callback.ref"], "%s, %d", ref, i)
		}
	}
}

func TestEachAttemptsSpanHasTheReference(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{}), "order.email", fail, runner.RetryBackoff(2, nil), runner.Ref("order 7"))
	require.Len(t, g.spans("process order.email"), 2)
	for _, span := range g.spans("process order.email") {
		require.Equal(t, "order 7", attrs(span.Attributes)["afterglow.callback.ref"])
	}
}

func TestTheReferencesOfWhatADrainLostAreListedOldestFirstAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Workers: 1, Timeout: -1})
		require.NoError(t, r.Go(t.Context(), "deaf", hang)) // without a reference
		synctest.Wait()
		for i := range 30 {
			time.Sleep(time.Second)
			require.NoError(t, r.Go(t.Context(), "order.email", succeed, runner.Ref(fmt.Sprint("order ", i))))
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)
		refs := g.record(slog.LevelWarn, names.LogDrainFinished)["lost_refs"].([]any)
		require.Len(t, refs, 21)
		require.Equal(t, "order.email: order 0", refs[0])
		require.Equal(t, "order.email: order 19", refs[19])
		require.Equal(t, "and 10 more references", refs[20])
	})
}
