package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
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
	ctx := context.Background()
	err = r.Go(ctx, "a", func(context.Context) error { return nil })
	_, stopped := r.Shutdown(ctx)
	if err = errors.Join(err, stopped, tel.ObserveDurable(durableBooks{r})); err != nil {
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

// durableBooks are those of a queue of durable tasks that has done nothing: package durable is in another module.
type durableBooks struct{ *runner.Runner }

// Stats implements [telemetry.Books].
func (b durableBooks) Stats() runner.Stats { return b.Snapshot().Stats }

// Snapshot implements [telemetry.Books].
func (b durableBooks) Snapshot() runner.Snapshot {
	s := b.Runner.Snapshot()
	s.Name = "durable"
	return s
}

// DurableCounts implements [telemetry.DurableBooks].
func (durableBooks) DurableCounts() telemetry.DurableCounts {
	return telemetry.DurableCounts{Tasks: []telemetry.DurableTaskCounts{{Name: "a"}}}
}

// Store implements [telemetry.DurableBooks].
func (durableBooks) Store(context.Context) (telemetry.Store, bool) {
	return telemetry.Store{Queues: []telemetry.StoreQueue{{Name: "default", Tasks: map[string]int{names.StateDue: 0}}}}, true
}

// cardinality is how many series something has at most: n for each of R
// runners, for each of their C callback names, or for the process. Of D queues of durable tasks, for each of their
// T task names, or for each of the Q queues in their store.
type cardinality struct {
	n  int
	of string // "R C", "R" or ""; "D T", "D Q" or "D"
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
	ofRunner, ofName := "R", "C"
	if strings.HasPrefix(m.name, "afterglow_durable_") {
		ofRunner, ofName = "D", "T"
	}
	for _, l := range m.labels {
		switch l {
		case names.LabelRunner:
			c.of = strings.TrimSpace(ofRunner + " " + c.of)
		case names.LabelCallback:
			c.of = strings.TrimSpace(c.of + " " + ofName)
		case names.LabelQueue:
			c.of = strings.TrimSpace(c.of + " Q")
		default:
			c.n *= max(values[l], 1)
		}
	}
	return c
}
