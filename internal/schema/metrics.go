package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// metric is what a scrape says of a metric.
type metric struct {
	name, kind, unit, help string
	labels                 []string
	perSet                 int // series for each combination of values
}

// scrape returns what a scrape says of a runner that has run a callback and has
// been shut down, by name: then every metric is there.
func scrape() (map[string]metric, error) {
	registry := prometheus.NewPedanticRegistry()
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: noop.NewTracerProvider(),
		Registerer:     registry,
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		return nil, err
	}
	if err := tel.ObserveDurable(durableBooks{}); err != nil {
		return nil, err
	}
	ctx := context.Background()
	err = r.Go(ctx, "a", func(context.Context) error { return nil })
	_, stopped := r.Shutdown(ctx)
	if err = errors.Join(err, stopped); err != nil {
		return nil, err
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, err
	}
	all := make(map[string]metric)
	for _, f := range families {
		m := metric{name: f.GetName(), kind: strings.ToLower(f.GetType().String()), unit: f.GetUnit(), help: f.GetHelp(), perSet: 1}
		one := f.GetMetric()[0]
		for _, m := range f.GetMetric() {
			if !isDurable(m) {
				one = m
			}
		}
		for _, l := range one.GetLabel() {
			m.labels = append(m.labels, l.GetName())
		}
		if h := one.GetHistogram(); h != nil {
			m.perSet = len(h.GetBucket()) + 3 // the bucket +Inf, the sum and the count
		}
		if one.GetSummary() != nil {
			m.perSet = 2 // the sum and the count
		}
		all[m.name] = m
	}
	return all, nil
}

// isDurable reports whether a series is of durable tasks, which have one label more.
func isDurable(m *dto.Metric) bool {
	return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == names.LabelMode })
}

// cardinality is how many series something has at most: n for each of R
// runners, for each of their C callback names, or for the process.
type cardinality struct {
	n  int
	of string // "R C", "R" or ""
}

func (c cardinality) String() string {
	if c.n == 1 && c.of != "" {
		return c.of
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", c.n, c.of))
}

// cardinality of m, if each label has as many values as values says.
func (m metric) cardinality(values map[string]int) cardinality {
	c := cardinality{n: m.perSet}
	for _, l := range m.labels {
		switch l {
		case names.LabelRunner:
			c.of = strings.TrimSpace("R " + c.of)
		case names.LabelCallback:
			c.of = strings.TrimSpace(c.of + " C")
		default:
			c.n *= max(values[l], 1)
		}
	}
	return c
}

// durableBooks are those of a queue of durable tasks with one of each.
type durableBooks struct{}

// Stats implements [telemetry.Books].
func (durableBooks) Stats() runner.Stats { return runner.Stats{Name: "durable"} }

// Snapshot implements [telemetry.Books].
func (b durableBooks) Snapshot() runner.Snapshot { return runner.Snapshot{Stats: b.Stats()} }

// Durable implements [telemetry.DurableBooks].
func (durableBooks) Durable() telemetry.DurableStats {
	return telemetry.DurableStats{
		Callbacks: []telemetry.DurableCallback{{Name: "a"}},
		Store:     &telemetry.DurableStore{Queues: []telemetry.DurableQueue{{Name: "default", Tasks: []telemetry.DurableTasks{{State: names.StateDue}}}}},
	}
}
