package histogram

import "fmt"

// MaxNativeBuckets is how many native buckets a histogram should expose at most.
// Take the next coarser schema if [Snapshot.Native] returns more deltas: it
// merges neighbors, and no observation is lost. Prometheus merges the buckets
// that it has stored in the same way. It treats a change to a finer schema as a
// reset of the histogram, so stay at the coarser one.
//
// Schemas 0 and 1 always have fewer buckets.
const MaxNativeBuckets = 160

// maxGap is how many empty native buckets Native returns in a row. A new span
// begins after a longer gap.
const maxGap = 2

// Span is some native buckets in a row.
type Span struct {
	// Offset is how many buckets there are between the span before this one and
	// this span. In the first span it is the index of the first bucket.
	Offset int32
	// Length is how many buckets the span has.
	Length uint32
}

// Zero returns the count of the native zero bucket: the durations of 0.
func (s Snapshot) Zero() uint64 {
	if len(s.blocks) == 0 || s.blocks[0].block != 0 {
		return 0
	}
	return s.blocks[0].counts[0]
}

// Native returns the native buckets of all durations above 0, as Prometheus'
// native histograms have them. The bucket with index i has the durations above
// 2^((i-1)/2^schema) seconds, up to and including 2^(i/2^schema) seconds. The
// spans list which buckets there are. The deltas have one number a bucket: how
// much its count exceeds the count of the bucket before it. Both are nil if there
// are no such durations.
//
// Native panics unless schema is from 0 to [Schema].
func (s Snapshot) Native(schema int32) ([]Span, []int64) {
	if schema < 0 || schema > Schema {
		panic(fmt.Sprintf("histogram: schema is %d: use one from 0 to %d", schema, Schema))
	}
	var spans []Span
	var deltas []int64
	var before int64 // the count of the last bucket
	var next int32   // the index of the bucket after it
	merge := Schema - schema
	for cell, n := range s.cells() {
		if cell == 0 {
			continue // the zero bucket
		}
		bucket := (s.layout.native[cell] + 1<<merge - 1) >> merge
		gap := bucket - next
		switch {
		case deltas == nil:
			deltas = make([]int64, 0, len(s.blocks)*blockCells)
			spans = append(spans, Span{Offset: gap})
		case gap < 0: // another cell of the last bucket
			deltas[len(deltas)-1] += int64(n)
			before += int64(n)
			continue
		case gap > maxGap:
			spans = append(spans, Span{Offset: gap})
		default:
			for range gap {
				deltas = append(deltas, -before)
				before = 0
			}
			spans[len(spans)-1].Length += uint32(gap)
		}
		spans[len(spans)-1].Length++
		deltas = append(deltas, int64(n)-before)
		before, next = int64(n), bucket+1
	}
	return spans, deltas
}
