package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// gathered is one scrape of a registry, by metric.
type gathered map[string]*dto.MetricFamily

func (g *rig) gather() gathered {
	families, err := g.registry.Gather()
	require.NoError(g.t, err)
	all := make(gathered)
	for _, f := range families {
		all[f.GetName()] = f
	}
	return all
}

// sum adds the values of a metric by a label, of those series that have all of
// some other labels' values.
func (s gathered) sum(metric, by string, with ...string) map[string]float64 {
	sums := make(map[string]float64)
	for _, m := range s[metric].GetMetric() {
		if hasLabels(m, with) {
			sums[valueOf(m, by)] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return sums
}

// hasLabels reports whether m has these labels, each followed by its value.
func hasLabels(m *dto.Metric, with []string) bool {
	for i := 0; i+1 < len(with); i += 2 {
		if valueOf(m, with[i]) != with[i+1] {
			return false
		}
	}
	return true
}

// load is a runner and who asks it for callbacks.
type load struct {
	*runner.Runner
	askers, names int
}

// ask has one asker do so: some that succeed, some that do not, some that merge,
// and as many as the queue does not take.
func (l load) ask(i int) {
	ctx, name := context.Background(), fmt.Sprintf("callback.%d", i%l.names)
	switch i % 6 {
	case 0, 1:
		_ = l.Go(ctx, name, succeed)
	case 2:
		_ = l.Go(ctx, name, func(context.Context) error { return errors.New("no") })
	case 3:
		_ = l.Go(ctx, name, explode)
	case 4:
		_ = l.Go(ctx, name, succeed, runner.Coalesce("same"))
	case 5:
		ctx, release := l.Scope(ctx)
		_ = l.AfterAll(ctx, runner.Call{Name: name, Func: succeed}, runner.Call{Name: name, Func: fail})
		release(nil)
	}
}

// start has askers ask until stop is called, which waits for them. Each asks in
// bursts, one for each call of burst, lest nothing else gets to run.
func (l load) start() (burst, stop func()) {
	bursts := make(chan struct{}, l.askers)
	var askers sync.WaitGroup
	for asker := range l.askers {
		askers.Go(func() {
			i := asker
			for range bursts {
				for range 12 {
					l.ask(i)
					i += 7
				}
			}
		})
	}
	burst = func() {
		for range l.askers {
			select {
			case bursts <- struct{}{}:
			default: // they are still at it
			}
		}
	}
	stop = func() {
		close(bursts)
		askers.Wait()
	}
	return burst, stop
}

// unbalanced lists what does not agree within one scrape.
func (l load) unbalanced(s gathered) (wrong []string) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	asked, ended := s.sum(names.MetricAsked, names.LabelCallback), s.sum(names.MetricCallbacks, names.LabelCallback)
	succeeded := s.sum(names.MetricCallbacks, names.LabelCallback, names.LabelOutcome, "success")
	failed := s.sum(names.MetricCallbacks, names.LabelCallback, names.LabelOutcome, "error")
	panicked := s.sum(names.MetricCallbacks, names.LabelCallback, names.LabelOutcome, "panic")
	rejected := s.sum(names.MetricCallbacks, names.LabelRunner, names.LabelOutcome, "rejected")
	ranWell := s.sum(names.MetricCallbackDuration, names.LabelCallback, names.LabelResult, names.ResultSuccess)
	ranBadly := s.sum(names.MetricCallbackDuration, names.LabelCallback, names.LabelResult, names.ResultFailure)
	inFlight, ran := 0.0, 0.0
	for name, n := range asked {
		inFlight += n - ended[name]
		ran += ranWell[name] + ranBadly[name]
		check(n >= ended[name], "%s: %v asked for, %v ended", name, n, ended[name])
		check(ranWell[name] == succeeded[name], "%s: %v runs that succeeded, %v successes", name, ranWell[name], succeeded[name])
		check(ranBadly[name] == failed[name]+panicked[name], "%s: %v runs that failed, %v errors and %v panics", name, ranBadly[name], failed[name], panicked[name])
	}
	waiting, busy := 0.0, 0.0
	for _, n := range s.sum(names.MetricQueuePlaces, names.LabelState) {
		waiting += n
	}
	for _, n := range s.sum(names.MetricWorkersBusy, names.LabelRunner) {
		busy += n
	}
	check(inFlight == waiting+busy, "%v in flight, of which %v wait and %v run", inFlight, waiting, busy)
	for name, n := range s.sum(names.MetricRejected, names.LabelRunner) {
		check(n == rejected[name], "%v rejected by reason, %v by outcome", n, rejected[name])
		started, running := s.sum(names.MetricQueueWait, names.LabelRunner)[name], s.sum(names.MetricWorkersBusy, names.LabelRunner)[name]
		check(started == ran+running, "%v started, %v have run and %v run", started, ran, running)
	}
	return wrong
}

// Every figure of a scrape is of one moment, so what is asked for, under way, run
// and ended agrees in each, for each name.
func TestEveryScrapeUnderLoadBalancesForEveryName(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.TracerProvider, cfg.Logger = noop.NewTracerProvider(), slog.New(slog.DiscardHandler)
	})
	l := load{g.runner(runner.Config{Workers: 4, Queue: 16}), 8, 3}
	burst, stop := l.start()
	off, moving := 0, make(map[string]int)
	var first []string
	for range 1000 {
		burst()
		s := g.gather()
		if wrong := l.unbalanced(s); wrong != nil {
			off++
			first = append(first, wrong...)
		}
		ended := s.sum(names.MetricCallbacks, names.LabelCallback)
		for name, n := range s.sum(names.MetricAsked, names.LabelCallback) {
			if n > ended[name] {
				moving[name]++
			}
		}
	}
	stop()
	require.Zero(t, off, "scrapes that do not balance: %v", first[:min(len(first), 5)])
	require.Len(t, moving, l.names, "no scrape has seen some of the names in motion: %v", moving)

	g.shutdown(l.Runner)
	s := g.gather()
	require.Empty(t, l.unbalanced(s))
	require.Equal(t, s.sum(names.MetricAsked, names.LabelCallback), s.sum(names.MetricCallbacks, names.LabelCallback), "at rest")
	require.InDelta(t, float64(l.Stats().Asked), s.sum(names.MetricAsked, names.LabelRunner)["default"], 0)
	require.NotZero(t, l.Stats().Outcomes[runner.OutcomeRejected])
	require.NotZero(t, l.Stats().Outcomes[runner.OutcomeCoalesced])
}
