package telemetry

import (
	dto "github.com/prometheus/client_model/go"

	"github.com/afterglow-go/afterglow/histogram"
)

// NewSeries returns what writes the snapshots of one histogram, as at each scrape.
func NewSeries() func(histogram.Snapshot) *dto.Histogram {
	h := newHistogramSeries(desc("test", "", ""), nil)
	return func(s histogram.Snapshot) *dto.Histogram {
		var out dto.Metric
		_ = h.metric(s, nil).Write(&out) // it never fails
		return out.GetHistogram()
	}
}

// KnownFunctions is how many functions t remembers.
func KnownFunctions(t *Telemetry) (n int) {
	t.tracing.functions.values.Range(func(any, any) bool {
		n++
		return true
	})
	return n
}
