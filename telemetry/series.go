package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// labels of a series, sorted by their names and never changed, so that series
// share what they have in common. Whoever wraps the registerer appends to them:
// there is no room, so that it gets a copy.
type labels []*dto.LabelPair

func label(name, value string) *dto.LabelPair {
	return &dto.LabelPair{Name: &name, Value: &value}
}

// counter is a series that only grows. It is written as it was the last time if
// it has not.
type counter struct {
	desc    *prometheus.Desc
	labels  labels
	created *timestamppb.Timestamp

	n    atomic.Uint64
	last atomic.Pointer[writtenCounter]
}

// writtenCounter is never changed.
type writtenCounter struct {
	dto.Counter
	value float64
}

func newCounter(desc *prometheus.Desc, labels ...*dto.LabelPair) *counter {
	return &counter{desc: desc, labels: labels, created: timestamppb.Now()}
}

func (c *counter) inc() { c.n.Add(1) }

// Desc implements [prometheus.Metric].
func (c *counter) Desc() *prometheus.Desc { return c.desc }

// Write implements [prometheus.Metric].
func (c *counter) Write(out *dto.Metric) error {
	value := float64(c.n.Load())
	w := c.last.Load()
	if w == nil || w.value != value {
		w = &writtenCounter{value: value}
		w.Value, w.CreatedTimestamp = &w.value, c.created
		c.last.Store(w)
	}
	out.Label, out.Counter = c.labels, &w.Counter
	return nil
}

// gauge is a figure as one scrape has read it.
type gauge struct {
	desc   *prometheus.Desc
	labels labels
	value  float64
	gauge  dto.Gauge
}

func newGauge(desc *prometheus.Desc, value float64, labels ...*dto.LabelPair) *gauge {
	g := &gauge{desc: desc, labels: labels, value: value}
	g.gauge.Value = &g.value
	return g
}

// Desc implements [prometheus.Metric].
func (g *gauge) Desc() *prometheus.Desc { return g.desc }

// Write implements [prometheus.Metric].
func (g *gauge) Write(out *dto.Metric) error {
	out.Label, out.Gauge = g.labels, &g.gauge
	return nil
}
