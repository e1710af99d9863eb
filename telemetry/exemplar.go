package telemetry

import (
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// exemplar is one callback of a bucket. It is made for each callback of a
// sampled span, and most are replaced before anybody asks for them; so it
// becomes labels only when it is written.
type exemplar struct {
	traceID trace.TraceID
	spanID  trace.SpanID
	took    time.Duration
	at      int64 // Unix nanoseconds

	written *dto.Exemplar // nil until it has been; guarded by histogram.mu
}

// write returns it as it is exposed. It has its time: Prometheus drops
// exemplars of native histograms that have none.
func (e *exemplar) write() *dto.Exemplar {
	if e.written == nil {
		w := struct {
			dto.Exemplar
			value float64
		}{value: e.took.Seconds()}
		w.Label = []*dto.LabelPair{
			label(names.ExemplarSpanID, e.spanID.String()),
			label(names.ExemplarTraceID, e.traceID.String()),
		}
		w.Value = &w.value
		w.Timestamp = timestamppb.New(time.Unix(0, e.at))
		e.written = &w.Exemplar
	}
	return e.written
}
