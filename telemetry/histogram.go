package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterglow-go/afterglow/histogram"
)

// histogramSeries is one histogram of a runner as it is exposed, classic and
// native at once: a scraper takes what it asks for. It is written anew only if
// something has been observed since the last scrape. The collector's mu guards it.
type histogramSeries struct {
	desc    *prometheus.Desc
	labels  []*dto.LabelPair
	created *timestamppb.Timestamp
	schema  int32 // of the native buckets; see native

	layout     *histogram.Layout // as written the last time, as those below
	count, sum uint64
	exemplars  []*exemplar
	written    *dto.Histogram // never changed, as scrapes share it; nil before the first time
}

func newHistogramSeries(desc *prometheus.Desc, created *timestamppb.Timestamp, labelValues ...string) *histogramSeries {
	return &histogramSeries{desc: desc, labels: prometheus.MakeLabelPairs(desc, labelValues), created: created, schema: histogram.Schema}
}

// metric returns the series as a scrape sees it.
func (h *histogramSeries) metric(s histogram.Snapshot, exemplars []*exemplar) prometheus.Metric {
	if h.written == nil || h.layout != s.Layout() || h.count != s.Count() || h.sum != s.Sum() || !slices.Equal(h.exemplars, exemplars) {
		h.written = h.write(s, exemplars)
		h.layout, h.count, h.sum, h.exemplars = s.Layout(), s.Count(), s.Sum(), exemplars
	}
	return &histogramMetric{h.desc, h.labels, h.written}
}

func (h *histogramSeries) write(s histogram.Snapshot, exemplars []*exemplar) *dto.Histogram {
	count, sum, zero := s.Count(), float64(s.Sum())/1e9, s.Zero()
	w := &dto.Histogram{
		SampleCount: &count, SampleSum: &sum, CreatedTimestamp: h.created,
		Bucket:        classicBuckets(s, exemplars),
		ZeroThreshold: &zeroThreshold, ZeroCount: &zero,
	}
	schema, spans, deltas := h.native(s)
	w.Schema, w.PositiveDelta = &schema, deltas
	for _, span := range spans {
		w.PositiveSpan = append(w.PositiveSpan, &dto.BucketSpan{Offset: &span.Offset, Length: &span.Length})
	}
	return w
}

// native returns the native buckets. If there are too many, neighbors are merged:
// to half as many to each power of two, which the schema says. That loses no
// observation, and Prometheus takes it for no reset: it merges what it has in the
// same way. It stays so, as Prometheus takes going back for a reset.
func (h *histogramSeries) native(s histogram.Snapshot) (schema int32, spans []histogram.Span, deltas []int64) {
	spans, deltas = s.Native(h.schema)
	for len(deltas) > histogram.MaxNativeBuckets && h.schema > 0 { // at 0 there are 64 at most
		h.schema--
		spans, deltas = s.Native(h.schema)
	}
	return h.schema, spans, deltas
}

// zeroThreshold is where the first native bucket begins. Any number below a
// nanosecond would do; this is client_golang's.
var zeroThreshold float64 = prometheus.DefNativeHistogramZeroThreshold

// classicBuckets writes a bucket for each bound, with the exemplars that there
// are. The one of +Inf goes without saying unless it has one. An exemplar of an
// empty bucket is left out: a runner that still drained when one with other buckets
// took its place has left it.
func classicBuckets(s histogram.Snapshot, exemplars []*exemplar) []*dto.Bucket {
	counts := s.Classic()
	if len(counts) == 0 {
		return nil
	}
	bounds := boundsOf(s.Layout())
	buckets, written := make([]dto.Bucket, len(counts)), make([]*dto.Bucket, 0, len(counts))
	below := uint64(0)
	for i, n := range counts {
		b := &buckets[i]
		b.CumulativeCount, b.UpperBound = &counts[i], &bounds[i]
		if exemplars != nil && exemplars[i] != nil && n > below {
			b.Exemplar = exemplars[i].write()
		}
		if below = n; i < len(counts)-1 || b.Exemplar != nil {
			written = append(written, b)
		}
	}
	return written
}

// histogramMetric is a histogram as one scrape has read it.
type histogramMetric struct {
	desc    *prometheus.Desc
	labels  []*dto.LabelPair
	written *dto.Histogram
}

// Desc implements [prometheus.Metric].
func (m *histogramMetric) Desc() *prometheus.Desc { return m.desc }

// Write implements [prometheus.Metric].
func (m *histogramMetric) Write(out *dto.Metric) error {
	out.Label, out.Histogram = m.labels, m.written
	return nil
}
