package histogram_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// observed returns the snapshot of a histogram that has counted some durations.
func observed(l *histogram.Layout, durations ...time.Duration) histogram.Snapshot {
	h := histogram.New(l)
	for _, d := range durations {
		h.Observe(d)
	}
	s, _ := h.Snapshot(nil)
	return s
}

// sample returns n random durations, some of which are 0.
func sample(random *rand.Rand, n int, from, to time.Duration) (durations []time.Duration) {
	for range n {
		d := between(random, from, to)
		if random.IntN(50) == 0 {
			d = 0
		}
		durations = append(durations, d)
	}
	return durations
}

// state is everything that a snapshot reports.
type state struct {
	count, sum, zero uint64
	classic          []uint64
	spans            []histogram.Span
	deltas           []int64
}

func stateOf(s histogram.Snapshot) state {
	spans, deltas := s.Native(histogram.Schema)
	return state{s.Count(), s.Sum(), s.Zero(), s.Classic(), spans, deltas}
}

func (a state) equal(b state) bool {
	return a.count == b.count && a.sum == b.sum && a.zero == b.zero && slices.Equal(a.classic, b.classic) &&
		slices.Equal(a.spans, b.spans) && slices.Equal(a.deltas, b.deltas)
}

func TestANegativeDurationCountsAsZero(t *testing.T) {
	s := observed(newLayout(t, seconds), time.Second, -time.Hour, math.MinInt64)
	if s.Count() != 3 || s.Zero() != 2 || s.Classic()[0] != 2 {
		t.Errorf("count %d, zero %d, first bucket %d, want 3, 2, 2", s.Count(), s.Zero(), s.Classic()[0])
	}
	if s.Sum() != uint64(time.Second) {
		t.Errorf("the sum is %d, want %d: it must not fall", s.Sum(), uint64(time.Second))
	}
}

func TestTheSumHoldsMoreThanTheLongestDuration(t *testing.T) {
	if got := observed(newLayout(t, nil), math.MaxInt64, math.MaxInt64, 1).Sum(); got != math.MaxUint64 {
		t.Errorf("Sum() = %d, want %d", got, uint64(math.MaxUint64))
	}
}

func TestASnapshotDoesNotChange(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	h := histogram.New(newLayout(t, seconds))
	var snapshots []histogram.Snapshot
	var states []state
	var buf []histogram.Block
	for range 100 {
		for _, d := range sample(random, 20, 1, math.MaxInt64) {
			h.Observe(d)
		}
		var s histogram.Snapshot
		s, buf = h.Snapshot(buf)
		snapshots, states = append(snapshots, s), append(states, stateOf(s))
	}
	for i, s := range snapshots {
		if got := stateOf(s); !got.equal(states[i]) {
			t.Fatalf("snapshot %d was %v and is %v", i, states[i], got)
		}
		if want := uint64(i+1) * 20; s.Count() != want {
			t.Fatalf("snapshot %d counts %d, want %d", i, s.Count(), want)
		}
	}
}

// Several snapshots share one buffer, each behind the one before it.
func TestSnapshotAppendsAsManyBlocksAsBlocksReports(t *testing.T) {
	l := newLayout(t, seconds)
	var buf []histogram.Block
	for n := range 20 {
		h := histogram.New(l)
		for i := range n {
			h.Observe(time.Microsecond << i)
		}
		before := len(buf)
		var s histogram.Snapshot
		s, buf = h.Snapshot(buf)
		if len(buf)-before != h.Blocks() {
			t.Errorf("%d blocks more, want %d", len(buf)-before, h.Blocks())
		}
		if s.Count() != uint64(n) || s.Layout() != l {
			t.Errorf("the snapshot counts %d, want %d", s.Count(), n)
		}
	}
}

func TestABlockIsUsedOnlyWhenItIsNeeded(t *testing.T) {
	h := histogram.New(newLayout(t, seconds))
	if h.Blocks() != 0 {
		t.Errorf("%d blocks before the first duration", h.Blocks())
	}
	for range 1000 {
		h.Observe(30 * time.Millisecond)
	}
	if h.Blocks() != 1 {
		t.Errorf("%d blocks for one duration", h.Blocks())
	}
	// In falling order, so that each new block goes before the others.
	for d := time.Duration(math.MaxInt64); d > 0; d -= d/16 + 1 {
		h.Observe(d)
	}
	if all := h.Blocks(); all < 28 || all > 36 {
		t.Errorf("%d blocks for all durations, want about 32, as the documentation has it", all)
	}
}

func TestNothingIsAllocatedOnceTheBlocksAreInUse(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	durations := sample(random, 1000, time.Microsecond, time.Hour)
	h := histogram.New(newLayout(t, seconds))
	observe := func() {
		for _, d := range durations {
			h.Observe(d)
		}
	}
	observe()
	if n := testing.AllocsPerRun(10, observe); n != 0 {
		t.Errorf("Observe allocates: %v for %d durations", n, len(durations))
	}
	buf := make([]histogram.Block, 0, h.Blocks())
	if n := testing.AllocsPerRun(10, func() { _, buf = h.Snapshot(buf[:0]) }); n != 0 {
		t.Errorf("Snapshot allocates %v times, though buf has room", n)
	}
	l := newLayout(t, seconds)
	if n := testing.AllocsPerRun(10, func() { h = histogram.New(l) }); n != 0 {
		t.Errorf("New allocates %v times", n)
	}
}

func TestTheZeroHistogramHasAnEmptySnapshot(t *testing.T) {
	var h histogram.Histogram
	s, buf := h.Snapshot(nil)
	if h.Blocks() != 0 || len(buf) != 0 || s.Layout() != nil || !stateOf(s).equal(state{}) {
		t.Errorf("%d blocks, %v", h.Blocks(), stateOf(s))
	}
}
