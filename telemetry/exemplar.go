package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterglow-go/afterglow/histogram"
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

	write func() *dto.Exemplar // once
}

// exemplars are the last one of each classic bucket of one histogram.
type exemplars struct {
	layout *histogram.Layout
	last   []atomic.Pointer[exemplar]
}

// keeper keeps the exemplars of one name's run times, by result. A trace that is
// not kept is no exemplar: one that leads nowhere is worse than none.
type keeper struct{ success, failure atomic.Pointer[exemplars] }

// of returns the exemplars of a result.
func (k *keeper) of(success bool) *atomic.Pointer[exemplars] {
	if success {
		return &k.success
	}
	return &k.failure
}

// keep keeps the callback that took so long as an exemplar.
func (k *keeper) keep(layout *histogram.Layout, success bool, took time.Duration, sc trace.SpanContext, at time.Time) {
	if layout == nil || !sc.IsValid() || !sc.IsSampled() {
		return
	}
	kept := k.of(success).Load()
	if kept == nil || kept.layout != layout {
		kept = &exemplars{layout: layout, last: make([]atomic.Pointer[exemplar], len(layout.Bounds())+1)}
		k.of(success).Store(kept) // of two made at once, one loses an exemplar
	}
	e := &exemplar{traceID: sc.TraceID(), spanID: sc.SpanID(), took: max(took, 0), at: at.UnixNano()}
	e.write = sync.OnceValue(e.make)
	kept.last[layout.Bucket(e.took)].Store(e)
}

// read returns the exemplars of a result as they are now; nil if there are none.
func (k *keeper) read(success bool) *exemplarsRead {
	kept := k.of(success).Load()
	if kept == nil {
		return nil
	}
	all := make([]*exemplar, len(kept.last))
	for i := range kept.last {
		all[i] = kept.last[i].Load()
	}
	return &exemplarsRead{kept.layout, all}
}

// exemplarsRead are exemplars as they were read, by bucket of their layout.
type exemplarsRead struct {
	layout *histogram.Layout
	all    []*exemplar
}

// forBuckets returns the exemplars if they are by the buckets of another layout.
// They are not if a runner with other buckets has taken the place of the one that
// they are of.
func (r *exemplarsRead) forBuckets(of *histogram.Layout) []*exemplar {
	if r == nil || of == nil || r.layout != of && !slices.Equal(r.layout.Bounds(), of.Bounds()) {
		return nil
	}
	return r.all
}

// make returns e as it is exposed. It has its time: Prometheus drops exemplars of
// native histograms that have none.
func (e *exemplar) make() *dto.Exemplar {
	seconds := e.took.Seconds()
	return &dto.Exemplar{
		Label: []*dto.LabelPair{
			label(names.ExemplarSpanID, e.spanID.String()),
			label(names.ExemplarTraceID, e.traceID.String()),
		},
		Value:     &seconds,
		Timestamp: timestamppb.New(time.Unix(0, e.at)),
	}
}

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }

// nameOf is a callback's name of a runner.
type nameOf struct{ runner, callback string }

// exemplarsByName are all exemplars as they were read.
type exemplarsByName map[nameOf]struct{ success, failure *exemplarsRead }

// readExemplars reads the exemplars of all names that have some.
func (c *catalog) readExemplars() exemplarsByName {
	all := make(exemplarsByName)
	c.runners.Range(func(_, r any) bool {
		entry := r.(*runnerEntry)
		entry.each(func(name string, cb *callbackEntry) {
			success, failure := cb.exemplars.read(true), cb.exemplars.read(false)
			if success != nil || failure != nil {
				all[nameOf{entry.name, name}] = struct{ success, failure *exemplarsRead }{success, failure}
			}
		})
		return true
	})
	return all
}
