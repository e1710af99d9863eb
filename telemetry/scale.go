package telemetry

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"
)

// scale divides all durations into cells: by the bounds of the classic buckets
// and by those of the native ones at once. So each bucket of either kind is some
// whole cells next to each other, and one counter a cell is enough for both.
//
// Bounds are seconds, and a duration is at or below one if d.Seconds() is. That
// grows with d; so for each bound there is a last nanosecond, and finding a cell
// takes no floating point. A scale is never changed and shared by all histograms
// of the same buckets.
type scale struct {
	limits []time.Duration // of each cell: the longest duration in it
	first  [64]int         // by the bits of a duration: the first cell it may be in
	native []int           // of each cell: the native bucket, at the finest schema

	bounds  []float64 // of the classic buckets, +Inf last
	cells   []int     // of each bound: how many cells are at or below it
	classic []int     // of each cell: the classic bucket
}

// finestSchema has 2^3 native buckets to each power of two, which is the
// coarsest schema whose buckets grow by no more than a factor of 1.1.
const finestSchema = 3

// newScale takes the upper bounds of the classic buckets, increasing and finite.
func newScale(bounds []float64) *scale {
	s := &scale{bounds: append(slices.Clone(bounds), math.Inf(1))}
	indexes, natives := nativeLimits()
	// Cell 0 is for no time at all: the zero bucket has it for itself.
	s.limits = append(slices.Clone(natives), 0)
	classics := make([]time.Duration, len(s.bounds))
	for i, b := range s.bounds {
		classics[i] = longest(b)
	}
	s.limits = append(s.limits, classics...)
	slices.Sort(s.limits)
	s.limits = slices.Compact(s.limits)
	s.limits = slices.DeleteFunc(s.limits, func(limit time.Duration) bool { return limit < 0 })

	for _, limit := range classics {
		n, itself := slices.BinarySearch(s.limits, limit)
		if itself {
			n++
		}
		s.cells = append(s.cells, n)
	}
	for i, limit := range s.limits {
		n, _ := slices.BinarySearch(natives, limit)
		s.native = append(s.native, indexes[n])
		n, _ = slices.BinarySearch(s.cells, i+1)
		s.classic = append(s.classic, n)
	}
	for n := 1; n < len(s.first); n++ {
		s.first[n], _ = slices.BinarySearch(s.limits, 1<<(n-1))
	}
	return s
}

// cell returns that of d, which is not negative.
func (s *scale) cell(d time.Duration) int {
	i := s.first[bits.Len64(uint64(d))%len(s.first)]
	for s.limits[i] < d { // a handful at most: those of one power of two
		i++
	}
	return i
}

// nativeLimits returns the native buckets that have a duration, with the longest
// one of each, in order.
var nativeLimits = sync.OnceValues(func() (indexes []int, limits []time.Duration) {
	// The bounds of the native buckets between a half and one, as
	// client_golang and Prometheus have them.
	bounds := [1 << finestSchema]float64{
		0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
		0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
	}
	var last time.Duration
	for i := -30 << finestSchema; last < math.MaxInt64; i++ { // 2^-30 s is less than a nanosecond
		limit := longest(math.Ldexp(bounds[i&(1<<finestSchema-1)], i>>finestSchema+1))
		if limit > last { // The bounds are denser than nanoseconds at first.
			indexes, limits = append(indexes, i), append(limits, limit)
			last = limit
		}
	}
	return indexes, limits
})

// longest returns the longest duration that is at or below a bound in seconds;
// -1 if the bound is below 0.
func longest(bound float64) time.Duration {
	const forever time.Duration = math.MaxInt64
	if forever.Seconds() <= bound {
		return forever
	}
	low, high := time.Duration(-1), forever-1
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
