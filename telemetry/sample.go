package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// sample is a counter, a gauge or a summary as one scrape has read it. The metrics that
// client_golang makes of values sort and copy the labels of each series anew: with
// a hundred names that was most of a scrape.
type sample struct {
	desc    *prometheus.Desc
	labels  []*dto.LabelPair
	value   float64
	counter dto.Counter
	gauge   dto.Gauge
	counts  bool         // a counter
	summary *dto.Summary // nil: none
}

// Desc implements [prometheus.Metric].
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write implements [prometheus.Metric].
func (s *sample) Write(out *dto.Metric) error {
	out.Label = s.labels
	switch {
	case s.summary != nil:
		out.Summary = s.summary
	case s.counts:
		out.Counter = &s.counter
	default:
		out.Gauge = &s.gauge
	}
	return nil
}

// sampleID tells one of these from another: by its description and its at
// most three values of labels.
type sampleID struct {
	desc   *prometheus.Desc
	values [3]string
}

// labels returns the labels of a series, which are made once. A wrapped
// registerer appends to them. There is no room, so it appends to a copy.
func (c *collector) labels(d *prometheus.Desc, values []string) []*dto.LabelPair {
	id := sampleID{desc: d}
	copy(id.values[:], values)
	pairs, known := c.pairs[id]
	if !known {
		pairs = prometheus.MakeLabelPairs(d, values)
		pairs = pairs[:len(pairs):len(pairs)]
		c.pairs[id] = pairs
	}
	return pairs
}

func (c *collector) total(d *prometheus.Desc, n uint64, created *timestamppb.Timestamp, labelValues ...string) prometheus.Metric {
	return c.counter(d, float64(n), created, labelValues...)
}

// counter returns a counter; created is nil if it is as old as the process.
func (c *collector) counter(d *prometheus.Desc, value float64, created *timestamppb.Timestamp, labelValues ...string) prometheus.Metric {
	s := &sample{desc: d, labels: c.labels(d, labelValues), value: value, counts: true}
	s.counter.Value, s.counter.CreatedTimestamp = &s.value, created
	return s
}

func (c *collector) gauge(d *prometheus.Desc, value float64, labelValues ...string) prometheus.Metric {
	s := &sample{desc: d, labels: c.labels(d, labelValues), value: value}
	s.gauge.Value = &s.value
	return s
}

// summary returns a summary without quantiles: a count and a sum.
func (c *collector) summary(d *prometheus.Desc, n uint64, total time.Duration, created *timestamppb.Timestamp, labelValues ...string) prometheus.Metric {
	seconds := total.Seconds()
	return &sample{desc: d, labels: c.labels(d, labelValues), summary: &dto.Summary{
		SampleCount: &n, SampleSum: &seconds, CreatedTimestamp: created,
	}}
}
