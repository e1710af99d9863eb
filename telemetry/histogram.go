package telemetry

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"
)

// rememberingHistogram is a histogram that is written as it was the last time
// if nothing has been observed since: writing native buckets is the dearest
// part of a scrape, and most names are idle between two.
type rememberingHistogram struct {
	prometheus.Histogram
	observed atomic.Uint64 // counts observations, each after it was made
	last     atomic.Pointer[writtenHistogram]
}

// writtenHistogram is never changed.
type writtenHistogram struct {
	observed  uint64
	labels    []*dto.LabelPair
	histogram *dto.Histogram
}

// newRemembering takes what HistogramVec.WithLabelValues returns.
func newRemembering(o prometheus.Observer) *rememberingHistogram {
	return &rememberingHistogram{Histogram: o.(prometheus.Histogram)}
}

func (h *rememberingHistogram) observe(v float64, sc trace.SpanContext) {
	observe(h.Histogram, v, sc)
	h.observed.Add(1)
}

// Write implements [prometheus.Metric]. An observation made meanwhile may be in
// what is written under the count before it; its own count then asks for more.
func (h *rememberingHistogram) Write(out *dto.Metric) error {
	observed := h.observed.Load()
	w := h.last.Load()
	if w == nil || w.observed != observed {
		var fresh dto.Metric
		if err := h.Histogram.Write(&fresh); err != nil {
			return err
		}
		w = &writtenHistogram{observed, fresh.Label, fresh.Histogram}
		h.last.Store(w)
	}
	out.Label, out.Histogram = slices.Clone(w.labels), w.histogram // wrapping registerers add labels
	return nil
}
