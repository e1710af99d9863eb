package telemetry

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// histogram is one of durations, classic and native at once: a scraper takes
// what it asks for. client_golang's takes any number and finds its native
// buckets in a map; durations are whole nanoseconds of a known range, so that
// here an observation is two additions, and a scrape reads an array.
//
// Each observation counts in one cell of the scale. Everything else that is
// written follows from one reading of the cells: the buckets of both kinds and
// the count. So they agree, whatever is observed meanwhile.
type histogram struct {
	desc    *prometheus.Desc
	labels  labels
	created *timestamppb.Timestamp
	scale   *scale
	blocks  []atomic.Pointer[block] // the cells; nil: all zero

	exemplars []atomic.Pointer[exemplar] // the last one of each classic bucket

	// sum is of nanoseconds. It starts again at 0 after 584 years of work, which
	// Prometheus takes for the restart of a process.
	sum atomic.Uint64

	mu     sync.Mutex        // held while it is written
	shown  []*exemplar       // guarded by mu; what was read of exemplars the last time
	last   *writtenHistogram // guarded by mu; nil before the first time
	schema int32             // guarded by mu; of the native buckets, never raised
}

// block is some neighboring cells, made when the first of them is needed: a
// name's durations are near each other.
type block [16]atomic.Uint64

func newHistogram(desc *prometheus.Desc, s *scale, labels ...*dto.LabelPair) *histogram {
	return &histogram{
		desc: desc, labels: labels, created: timestamppb.Now(), scale: s, schema: finestSchema,
		blocks:    make([]atomic.Pointer[block], (len(s.limits)-1)/len(block{})+1),
		exemplars: make([]atomic.Pointer[exemplar], len(s.bounds)),
		shown:     make([]*exemplar, len(s.bounds)),
	}
}

// observe counts d. Less than nothing is counted as nothing: only a clock that
// was set back makes it, and a sum must not fall.
func (h *histogram) observe(d time.Duration) (cell int) {
	d = max(d, 0)
	cell = h.scale.cell(d)
	b := h.blocks[cell/len(block{})].Load()
	if b == nil {
		b = h.newBlock(cell / len(block{}))
	}
	// The sum comes after the cell, and is read before it: what is in the sum
	// is in the count.
	b[cell%len(block{})].Add(1)
	h.sum.Add(uint64(d))
	return cell
}

func (h *histogram) newBlock(i int) *block {
	b := new(block)
	if !h.blocks[i].CompareAndSwap(nil, b) {
		b = h.blocks[i].Load() // Somebody else was quicker.
	}
	return b
}

// observeRun counts what a process took that ended at some time. It becomes the
// exemplar of its bucket only if its trace is kept: one that leads nowhere is
// worse than none.
func (h *histogram) observeRun(d time.Duration, p *process, at time.Time) {
	cell := h.observe(d)
	if p != nil && p.span != nil {
		h.keep(cell, d, p.span.SpanContext(), at)
	}
}

func (h *histogram) keep(cell int, d time.Duration, sc trace.SpanContext, at time.Time) {
	if sc.IsValid() && sc.IsSampled() {
		h.exemplars[h.scale.classic[cell]].Store(&exemplar{traceID: sc.TraceID(), spanID: sc.SpanID(), took: max(d, 0), at: at.UnixNano()})
	}
}

// Desc implements [prometheus.Metric].
func (h *histogram) Desc() *prometheus.Desc { return h.desc }

// Write implements [prometheus.Metric]. A histogram is written as it was the
// last time if nothing has been observed since: most names are idle between two
// scrapes.
func (h *histogram) Write(out *dto.Metric) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Read in the opposite order of observing: what is an exemplar or in the sum
	// is in the count as well.
	changed := h.last == nil
	for i := range h.exemplars {
		if e := h.exemplars[i].Load(); e != h.shown[i] {
			h.shown[i] = e
			e.write()
			changed = true
		}
	}
	sum := h.sum.Load()
	var room [192]count
	read := h.read(room[:0])
	if changed || sum != h.last.sum || read.total() != h.last.count {
		h.last = h.write(read, sum)
	}
	out.Label, out.Histogram = h.labels, &h.last.Histogram
	return nil
}

// read returns what the cells count, in order, without those that are zero.
// Cells never fall: if their total is the same twice, all of them are.
func (h *histogram) read(read counts) counts {
	for i := range h.blocks {
		b := h.blocks[i].Load()
		if b == nil {
			continue
		}
		for j := range b {
			if n := b[j].Load(); n > 0 {
				read = append(read, count{i*len(b) + j, n})
			}
		}
	}
	return read
}

// writtenHistogram is never changed: scrapes share it.
type writtenHistogram struct {
	dto.Histogram

	sum     uint64 // nanoseconds
	seconds float64
	count   uint64
	zero    uint64
	schema  int32
}

func (h *histogram) write(read counts, sum uint64) *writtenHistogram {
	w := &writtenHistogram{sum: sum, seconds: float64(sum) / 1e9, count: read.total()}
	w.SampleCount, w.SampleSum, w.CreatedTimestamp = &w.count, &w.seconds, h.created
	w.Bucket = h.scale.classicBuckets(read, h.shown)

	w.Schema, w.ZeroThreshold, w.ZeroCount = &w.schema, &zeroThreshold, &w.zero
	if len(read) > 0 && read[0].cell == 0 {
		w.zero, read = read[0].n, read[1:]
	}
	w.PositiveSpan, w.PositiveDelta = h.scale.nativeBuckets(read, h.schema)
	for len(w.PositiveDelta) > maxNativeBuckets && h.schema > 0 { // at 0 there are 64 at most
		h.schema--
		w.PositiveSpan, w.PositiveDelta = h.scale.nativeBuckets(read, h.schema)
	}
	w.schema = h.schema
	return w
}
