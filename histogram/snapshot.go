package histogram

import (
	"iter"
	"math"
	"slices"
	"time"
)

// Snapshot is what a histogram had counted at one moment. It never changes, and
// several goroutines may use it. The zero Snapshot has no layout and counts
// nothing.
type Snapshot struct {
	layout *Layout // nil in the zero Snapshot
	sum    uint64  // of nanoseconds
	blocks []Block // in order of their cells
}

// Layout returns the layout of the histogram. It is nil for the zero Snapshot.
func (s Snapshot) Layout() *Layout { return s.layout }

// Count returns how many durations were observed.
func (s Snapshot) Count() uint64 {
	var count uint64
	for i := range s.blocks {
		for _, n := range s.blocks[i].counts {
			count += n
		}
	}
	return count
}

// Sum returns the sum of all durations in nanoseconds. After 584 years it starts
// again at 0. Prometheus then sees the restart of a process, as with any counter
// that falls.
func (s Snapshot) Sum() uint64 { return s.sum }

// Classic returns the cumulative counts of the classic buckets: how many
// durations were at or below each of the layout's bounds, and then +Inf's count,
// which is Count. It is nil for the zero Snapshot.
func (s Snapshot) Classic() []uint64 {
	if s.layout == nil {
		return nil
	}
	counts := make([]uint64, len(s.layout.bounds)+1)
	for cell, n := range s.cells() {
		counts[s.layout.classic[cell]] += n
	}
	for i := range len(counts) - 1 {
		counts[i+1] += counts[i]
	}
	return counts
}

// Quantile returns an estimate of the duration that a share q of all durations
// are at or below. It is in the same cell as the exact value, so that it is less
// than a tenth off. q below 0 counts as 0, and above 1 as 1. Quantile returns 0 if
// there are no durations or q is NaN.
func (s Snapshot) Quantile(q float64) time.Duration {
	if math.IsNaN(q) {
		return 0
	}
	rank := min(max(q, 0), 1) * float64(s.Count())
	// Without any cell, both stay 0. If the rank is beyond the last cell, because
	// a float64 cannot hold the count exactly, that cell is the right one.
	var shortest, width time.Duration // of the cell
	var share float64                 // how far the rank is into the cell
	var before uint64
	for cell, n := range s.cells() {
		shortest, width = s.layout.within(cell)
		share = (rank - float64(before)) / float64(n)
		before += n
		if rank <= float64(before) {
			break
		}
	}
	return shortest + min(time.Duration(min(share, 1)*float64(width)), width)
}

// Add returns a new snapshot with the durations of both. It shares no memory
// with either. Add reports false, and the zero Snapshot, if the bounds of the two
// layouts differ. The zero Snapshot fits every layout.
func (s Snapshot) Add(o Snapshot) (Snapshot, bool) {
	switch {
	case s.layout == nil:
		s.layout = o.layout
	case o.layout != nil && o.layout != s.layout && !slices.Equal(s.layout.bounds, o.layout.bounds):
		return Snapshot{}, false
	}
	sum := Snapshot{layout: s.layout, sum: s.sum + o.sum}
	a, b := s.blocks, o.blocks
	if len(a)+len(b) > 0 {
		sum.blocks = make([]Block, 0, len(a)+len(b))
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].block < b[0].block:
			sum.blocks, a = append(sum.blocks, a[0]), a[1:]
		case a[0].block > b[0].block:
			sum.blocks, b = append(sum.blocks, b[0]), b[1:]
		default:
			both := a[0]
			for i, n := range b[0].counts {
				both.counts[i] += n
			}
			sum.blocks, a, b = append(sum.blocks, both), a[1:], b[1:]
		}
	}
	sum.blocks = append(append(sum.blocks, a...), b...)
	return sum, true
}

// cells yields each cell that counts something, in order, and its count.
func (s Snapshot) cells() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for i := range s.blocks {
			b := &s.blocks[i]
			for j, n := range b.counts {
				if n > 0 && !yield(b.block*blockCells+j, n) {
					return
				}
			}
		}
	}
}
