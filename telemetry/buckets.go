package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// maxNativeBuckets is how many native buckets are written at most. Should there
// be more, neighbors are merged: to half as many to each power of two, which the
// schema tells. That loses no observation, and Prometheus takes it for no reset:
// it merges what it has in the same way. It stays so, as Prometheus takes going
// back for a reset.
const maxNativeBuckets = 160

// maxGap is how many empty native buckets are written rather than a new span.
const maxGap = 2

// zeroThreshold is where the first native bucket begins. Any number below a
// nanosecond would do; this is client_golang's.
var zeroThreshold float64 = prometheus.DefNativeHistogramZeroThreshold

// count is what a cell of a scale counts.
type count struct {
	cell int
	n    uint64
}

// counts are in the order of the cells.
type counts []count

func (c counts) total() (n uint64) {
	for _, one := range c {
		n += one.n
	}
	return n
}

// classicBuckets writes a bucket for each bound, with the exemplars that there
// are. The one of +Inf goes without saying unless it has one.
func (s *scale) classicBuckets(c counts, exemplars []*exemplar) []*dto.Bucket {
	n := len(s.bounds)
	if exemplars[n-1] == nil {
		n--
	}
	type bucket struct {
		dto.Bucket
		count uint64 // of this bucket and all before it
	}
	buckets, written := make([]bucket, n), make([]*dto.Bucket, n)
	var sum uint64
	for i := range buckets {
		for len(c) > 0 && c[0].cell < s.cells[i] {
			sum += c[0].n
			c = c[1:]
		}
		b := &buckets[i]
		b.count = sum
		b.CumulativeCount, b.UpperBound = &b.count, &s.bounds[i]
		if e := exemplars[i]; e != nil {
			b.Exemplar = e.write()
		}
		written[i] = &b.Bucket
	}
	return written
}

// nativeBuckets writes the buckets of a schema for counts of more than no time
// at all. Each delta is how many more a bucket has than the one before it; each
// span is some buckets in a row.
func (s *scale) nativeBuckets(c counts, schema int32) (spans []*dto.BucketSpan, deltas []int64) {
	type span struct {
		dto.BucketSpan
		offset int32
		length uint32
	}
	var current *span
	var before int64 // what the last bucket has
	next := 0        // the bucket after it
	deltas = make([]int64, 0, len(c)+len(c)/4)
	write := func(n int64) {
		deltas = append(deltas, n-before)
		before = n
		current.length++
	}
	merge := finestSchema - schema
	for _, one := range c {
		bucket := (s.native[one.cell] + 1<<merge - 1) >> merge
		gap := bucket - next
		switch {
		case current != nil && gap < 0: // another cell of the last bucket
			deltas[len(deltas)-1] += int64(one.n)
			before += int64(one.n)
			continue
		case current == nil || gap > maxGap:
			current = &span{offset: int32(gap)}
			current.Offset, current.Length = &current.offset, &current.length
			spans = append(spans, &current.BucketSpan)
		default:
			for range gap {
				write(0)
			}
		}
		write(int64(one.n))
		next = bucket + 1
	}
	return spans, deltas
}
