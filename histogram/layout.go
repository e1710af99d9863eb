package histogram

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// Schema is the finest schema of the native buckets. It has 2^3 buckets to each
// power of two, and is the coarsest schema whose buckets grow by a factor of 1.1
// or less.
const Schema = 3

// Layout divides all durations into cells, by the bounds of the classic buckets
// and of the native buckets at once. A Layout never changes, and all histograms
// with the same bounds can share it. Make one with [NewLayout].
type Layout struct {
	limits []time.Duration // of each cell: the longest duration in it
	first  [1 << 9]int32   // by slot: the first cell that its durations are in

	bounds  []time.Duration // of the classic buckets, without +Inf
	classic []int32         // of each cell: its classic bucket
	native  []int32         // of each cell: its native bucket, at the finest schema
}

// NewLayout returns the layout for some classic buckets. The bounds are the
// upper bounds of the buckets and belong to them. NewLayout adds +Inf itself. It
// fails if a bound is not positive, or not above the one before it. No bounds at
// all are valid: the only classic bucket is then +Inf's.
func NewLayout(bounds []time.Duration) (*Layout, error) {
	var before time.Duration
	for i, b := range bounds {
		if b <= 0 {
			return nil, fmt.Errorf("histogram: bounds[%d] is %v: use a bound above 0", i, b)
		}
		if b <= before {
			return nil, fmt.Errorf("histogram: bounds[%d] is %v: use a bound above the one before it, %v", i, b, before)
		}
		before = b
	}
	l := &Layout{bounds: slices.Clone(bounds)}
	indexes, natives := nativeLimits()
	// Cell 0 is for durations of 0, which have the native zero bucket.
	l.limits = slices.Concat([]time.Duration{0}, natives, bounds)
	slices.Sort(l.limits)
	l.limits = slices.Compact(l.limits)
	for _, limit := range l.limits {
		classic, _ := slices.BinarySearch(l.bounds, limit)
		native, _ := slices.BinarySearch(natives, limit)
		l.classic = append(l.classic, int32(classic))
		l.native = append(l.native, indexes[native])
	}
	for slot := range l.first {
		cell, _ := slices.BinarySearch(l.limits, shortest(slot))
		l.first[slot] = int32(cell)
	}
	return l, nil
}

// Bounds returns a copy of the upper bounds of the classic buckets, without
// +Inf.
func (l *Layout) Bounds() []time.Duration { return slices.Clone(l.bounds) }

// Bucket returns the index of the classic bucket that d belongs to. It is
// len(l.Bounds()) for the bucket of +Inf. A negative duration counts as 0.
func (l *Layout) Bucket(d time.Duration) int { return int(l.classic[l.cell(max(d, 0))]) }

// cell returns the cell of d, which must not be negative.
func (l *Layout) cell(d time.Duration) int {
	// A slot has at most two native limits, and seldom a classic one.
	i := int(l.first[slot(d)])
	for l.limits[i] < d {
		i++
	}
	return i
}

// within returns the shortest duration of a cell, and how much longer the
// longest is.
func (l *Layout) within(cell int) (shortest, width time.Duration) {
	if cell > 0 {
		shortest = l.limits[cell-1] + 1
	}
	return shortest, l.limits[cell] - shortest
}

// slot returns the index of d in Layout.first: its number of bits and the three
// bits after the highest. So a slot is an eighth of a power of two.
func slot(d time.Duration) int {
	n := bits.Len64(uint64(d))
	return (n<<3 | int(uint64(d)<<(65-n)>>61)) & (1<<9 - 1)
}

// shortest returns the shortest duration of a slot. For a slot without any it
// returns one that is in range.
func shortest(slot int) time.Duration {
	n, next := slot>>3, uint64(slot&7)
	if n == 0 {
		return 0
	}
	return time.Duration((1<<63 | next<<60) >> (64 - n))
}

// nativeLimits returns the indexes of the native buckets that have a duration,
// in order, and the longest duration of each.
var nativeLimits = sync.OnceValues(func() (indexes []int32, limits []time.Duration) {
	// Prometheus and client_golang have these bounds between 0.5 and 1. Their
	// last digits decide which bucket a duration belongs to.
	bounds := [1 << Schema]float64{
		0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
		0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
	}
	var last time.Duration
	for i := -30 << Schema; last < math.MaxInt64; i++ { // 2^-30 s is less than a nanosecond
		limit := longest(math.Ldexp(bounds[i&(1<<Schema-1)], i>>Schema+1))
		if limit > last { // At first, several bounds are within one nanosecond.
			indexes, limits = append(indexes, int32(i)), append(limits, limit)
			last = limit
		}
	}
	return indexes, limits
})

// longest returns the longest duration whose Seconds are at or below a positive
// bound.
func longest(bound float64) time.Duration {
	const forever time.Duration = math.MaxInt64
	if forever.Seconds() <= bound {
		return forever
	}
	low, high := time.Duration(0), forever-1
	for low < high {
		mid := low + (high-low)/2 + 1
		if mid.Seconds() <= bound {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}
