package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// durableBooks are those of a queue of durable tasks that a runner keeps: package durable, which has the real
// ones, is in another module, and tests them.
type durableBooks struct {
	*runner.Runner
	counts telemetry.DurableCounts
	store  func(context.Context) (telemetry.Store, bool)
}

func (b *durableBooks) DurableCounts() telemetry.DurableCounts { return b.counts }

func (b *durableBooks) Store(ctx context.Context) (telemetry.Store, bool) { return b.store(ctx) }

func (b *durableBooks) Snapshot() runner.Snapshot {
	s := b.Runner.Snapshot()
	s.Rejections[runner.ReasonStore] = 2
	return s
}

// durable returns the books of a runner that nobody observes otherwise.
func (g *rig) durable(name string) *durableBooks {
	r, err := runner.New(runner.Config{Name: name, Observers: []runner.Observer{{Started: func(context.Context, runner.StartedInfo) context.Context { return nil }}}})
	require.NoError(g.t, err)
	b := &durableBooks{Runner: r, counts: telemetry.DurableCounts{
		LeasesLost: 1, StoreErrors: 3, Tasks: []telemetry.DurableTaskCounts{{Name: "order.receipt", Attempts: 7, Returned: 2, Interrupted: 1}},
	}}
	b.store = func(context.Context) (telemetry.Store, bool) { return aStore(), true }
	require.NoError(g.t, g.tel.ObserveDurable(b))
	return b
}

func aStore() telemetry.Store {
	return telemetry.Store{Age: time.Second, Led: true, Queues: []telemetry.StoreQueue{{
		Name: "mail", Paused: true, OldestDue: time.Minute, Processes: 4,
		Tasks: map[string]int{names.StateScheduled: 1, names.StateDue: 2, names.StateRunning: 3, names.StateRetrying: 4, names.StateDead: 5},
	}}}
}

// durableScenario has a runner beside, as metrics are shared.
func durableScenario(t *testing.T, seen *evidence) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{Name: "web"}), "order.email", succeed)
	b := g.durable("durable")
	require.NoError(t, b.Do(t.Context(), "order.receipt", succeed))
	seen.take(t, g)
	g.shutdown(b.Runner)
}

func TestDurableTasksAreInTheMetricsOfRunnersWithAModeAndThoseOfRunnersHaveNone(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{Name: "web"}), "order.email", succeed)
	before := g.series()
	b := g.durable("durable")
	require.NoError(t, b.Do(t.Context(), "order.receipt", succeed))
	s := g.series()
	for series := range before {
		require.Contains(t, s, series, "it is what it is in a program without durable tasks")
	}
	for series, want := range map[string]float64{
		`afterglow_callbacks_total{callback="order.receipt",mode="durable",outcome="success",runner="durable"}`:                1,
		`afterglow_callbacks_total{callback="order.receipt",mode="durable",outcome="error",runner="durable"}`:                  0,
		`afterglow_asked_total{callback="order.receipt",mode="durable",runner="durable"}`:                                      1,
		`afterglow_callback_duration_seconds_count{callback="order.receipt",mode="durable",result="success",runner="durable"}`: 1,
		`afterglow_rejected_total{mode="durable",reason="store",runner="durable"}`:                                             2,
		`afterglow_rejected_total{mode="durable",reason="closed",runner="durable"}`:                                            0,
		`afterglow_workers_busy{mode="durable",runner="durable"}`:                                                              0,
		`afterglow_durable_attempts_total{callback="order.receipt",runner="durable"}`:                                          7,
		`afterglow_durable_returned_total{callback="order.receipt",runner="durable"}`:                                          2,
		`afterglow_durable_interrupted_total{callback="order.receipt",runner="durable"}`:                                       1,
		`afterglow_durable_leases_lost_total{runner="durable"}`:                                                                1,
		`afterglow_durable_store_errors_total{runner="durable"}`:                                                               3,
		`afterglow_durable_store_age_seconds{runner="durable"}`:                                                                1,
		`afterglow_durable_leaders{runner="durable"}`:                                                                          1,
		`afterglow_durable_tasks{queue="mail",runner="durable",state="scheduled"}`:                                             1,
		`afterglow_durable_tasks{queue="mail",runner="durable",state="dead"}`:                                                  5,
		`afterglow_durable_oldest_due_seconds{queue="mail",runner="durable"}`:                                                  60,
		`afterglow_durable_paused{queue="mail",runner="durable"}`:                                                              1,
		`afterglow_durable_processes{queue="mail",runner="durable"}`:                                                           4,
	} {
		require.Contains(t, s, series)
		require.InDelta(t, want, s[series], 0, series)
	}
	// What rules take for trouble of a runner's memory.
	for _, name := range []string{
		names.MetricQueueDepth, names.MetricQueueCapacity, names.MetricQueueHighWater, names.MetricQueuePlaces, names.MetricQueuePlacesLimit,
		names.MetricQueueOldest, names.MetricQueueOldestAge, names.MetricResponseDelay, names.MetricShutdownLost,
	} {
		for series := range s {
			require.False(t, strings.HasPrefix(series, name) && strings.Contains(series, `runner="durable"`), series)
		}
	}
	g.shutdown(b.Runner)
}

func TestAStoreThatAnotherProcessShowsHasNoSeriesHere(t *testing.T) {
	g := newRig(t, nil)
	b := g.durable("durable")
	b.store = func(context.Context) (telemetry.Store, bool) { return aStore(), false }
	for series := range g.series() {
		require.NotContains(t, series, `queue="`)
		require.NotContains(t, series, names.MetricDurableStoreAge)
	}
	b.store = func(context.Context) (telemetry.Store, bool) {
		s := aStore()
		s.Queues[0].Processes = -1
		return s, true
	}
	s := g.series()
	require.Contains(t, s, `afterglow_durable_paused{queue="mail",runner="durable"}`)
	require.NotContains(t, s, `afterglow_durable_processes{queue="mail",runner="durable"}`, "nobody knows")
	g.shutdown(b.Runner)
}

// Every store that is slow ends at the same time.
func TestAScrapeWaitsForAllStoresAtOnceAndNotForLong(t *testing.T) {
	g := newRig(t, nil)
	var asked atomic.Int32
	for i := range 3 {
		b := g.durable(fmt.Sprint("durable.", i))
		b.store = func(ctx context.Context) (telemetry.Store, bool) {
			asked.Add(1)
			<-ctx.Done()
			return aStore(), true
		}
		defer g.shutdown(b.Runner)
	}
	began := time.Now()
	s := g.series()
	require.Less(t, time.Since(began), 1400*time.Millisecond)
	require.EqualValues(t, 3, asked.Load())
	require.Contains(t, s, `afterglow_durable_leaders{runner="durable.2"}`)
}

func TestTheCountsOfDurableQueuesOfOneNameAreAdded(t *testing.T) {
	g := newRig(t, nil)
	first := g.durable("durable")
	require.ErrorContains(t, g.tel.ObserveDurable(first), `a runner called "durable" is observed already`)
	g.shutdown(first.Runner)
	second := g.durable("durable")
	second.counts.Tasks = append(second.counts.Tasks, telemetry.DurableTaskCounts{Name: "order.stock", Attempts: 1})
	s := g.series()
	require.InDelta(t, 14, s[`afterglow_durable_attempts_total{callback="order.receipt",runner="durable"}`], 0)
	require.InDelta(t, 1, s[`afterglow_durable_attempts_total{callback="order.stock",runner="durable"}`], 0)
	require.InDelta(t, 2, s[`afterglow_durable_leases_lost_total{runner="durable"}`], 0)
	require.InDelta(t, 6, s[`afterglow_durable_store_errors_total{runner="durable"}`], 0)
	g.shutdown(second.Runner)

	_, err := runner.New(runner.Config{Name: "durable", Observers: []runner.Observer{g.tel.Observer()}})
	require.ErrorContains(t, err, "give each a Name of its own")
}

func TestTheRequestsTraceGoesOnInAnotherProcess(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, request, release := g.request(r)
	carried := make(chan string, 1)
	require.NoError(t, r.After(ctx, "order.receipt", func(ctx context.Context) error {
		carried <- telemetry.RequestTraceID(ctx)
		return nil
	}))
	release(nil)
	want := request.SpanContext().TraceID().String()
	id := <-carried
	require.Equal(t, want, id)
	require.Equal(t, want, telemetry.RequestTraceID(ctx), "of the request itself")
	require.Empty(t, telemetry.RequestTraceID(context.Background()))
	require.Equal(t, context.Background(), telemetry.ContextWithRequestTraceID(context.Background(), "none"))

	there := g.runner(runner.Config{Name: "there"})
	require.NoError(t, there.Do(telemetry.ContextWithRequestTraceID(t.Context(), id), "work", func(ctx context.Context) error {
		return there.Go(ctx, "nested", func(context.Context) error { return errors.New("no") })
	}))
	g.shutdown(r)
	g.shutdown(there)
	for _, span := range []string{"process work", "process nested"} {
		require.Equal(t, want, attrs(g.span(span).Attributes)[names.AttrRequestTrace], span)
	}
	require.Equal(t, want, g.records(names.LogFailed)[0][names.KeyRequestTraceID])
}
