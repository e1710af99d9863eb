package otelsetup

import (
	"context"
	"encoding/hex"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// newProducer returns the bridge from Prometheus's registries, with exemplars.
func newProducer(gatherer prometheus.Gatherer, f *failures) sdkmetric.Producer {
	return producer{bridge.NewMetricProducer(bridge.WithGatherer(classic{gatherer, f}))}
}

// classic gathers histograms that are classic and native at once as classic
// ones. The bridge would take the native half, of which it leaves out the
// exemplars, and which not every collector can show. It reports an error and
// returns what else has been gathered, as the bridge would drop it all.
type classic struct {
	prometheus.Gatherer
	failures *failures
}

// Gather implements [prometheus.Gatherer].
func (c classic) Gather() ([]*dto.MetricFamily, error) {
	families, err := c.Gatherer.Gather()
	if err != nil {
		otel.Handle(&exportError{c.failures, Metrics, err})
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); len(h.GetBucket()) > 0 {
				m.Histogram = &dto.Histogram{
					SampleCount: h.SampleCount, SampleSum: h.SampleSum, Bucket: h.Bucket, CreatedTimestamp: h.CreatedTimestamp,
				}
			}
		}
	}
	return families, nil
}

// producer corrects the ids of exemplars. The bridge (v0.72.0) passes on the
// text of the labels, and a collector refuses all metrics of an export with
// such an exemplar: "invalid SpanID length". Ids that are none are left out.
type producer struct{ sdkmetric.Producer }

// Produce implements [sdkmetric.Producer].
func (p producer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	scopes, err := p.Producer.Produce(ctx)
	for _, scope := range scopes {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, point := range data.DataPoints {
					correct(point.Exemplars)
				}
			case metricdata.Sum[float64]:
				for _, point := range data.DataPoints {
					correct(point.Exemplars)
				}
			}
		}
	}
	return scopes, err
}

func correct(exemplars []metricdata.Exemplar[float64]) {
	for i := range exemplars {
		exemplars[i].TraceID = idOf(exemplars[i].TraceID, 16)
		exemplars[i].SpanID = idOf(exemplars[i].SpanID, 8)
	}
}

// idOf is an id of n bytes, whether it is text or has been decoded already; nil
// if it is neither.
func idOf(id []byte, n int) []byte {
	if len(id) == n {
		return id
	}
	decoded, err := hex.DecodeString(string(id))
	if err != nil || len(decoded) != n {
		return nil
	}
	return decoded
}
