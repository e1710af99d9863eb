package histogram_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

func TestTheBucketsOfBothKindsHaveTheSameCount(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for name, bounds := range layouts() {
		t.Run(name, func(t *testing.T) {
			durations := append(sample(random, 5000, 1, math.MaxInt64/4096), sample(random, 5000, time.Millisecond, time.Minute)...)
			var sum, zero uint64
			classic := make([]uint64, len(bounds)+1)
			native := make(map[int]uint64)
			for _, d := range durations {
				sum += uint64(d)
				for i := classicBucket(bounds, d); i < len(classic); i++ {
					classic[i]++
				}
				if d == 0 {
					zero++
				} else {
					native[nativeBucket(d, histogram.Schema)]++
				}
			}
			s := observed(newLayout(t, bounds), durations...)
			if s.Count() != uint64(len(durations)) || s.Sum() != sum || s.Zero() != zero {
				t.Errorf("count %d, sum %d, zero %d, want %d, %d, %d", s.Count(), s.Sum(), s.Zero(), len(durations), sum, zero)
			}
			if !slices.Equal(s.Classic(), classic) {
				t.Errorf("Classic() = %v, want %v", s.Classic(), classic)
			}
			requireNative(t, s, histogram.Schema, native)
		})
	}
}

func TestAnEmptySnapshotCountsNothing(t *testing.T) {
	for name, s := range map[string]histogram.Snapshot{"zero value": {}, "no durations": observed(newLayout(t, seconds))} {
		spans, deltas := s.Native(0)
		if s.Count() != 0 || s.Sum() != 0 || s.Zero() != 0 || s.Quantile(.5) != 0 || spans != nil || deltas != nil {
			t.Errorf("%s: %v", name, stateOf(s))
		}
	}
	if c := (histogram.Snapshot{}).Classic(); c != nil {
		t.Errorf("the zero Snapshot has classic buckets: %v", c)
	}
	if c := observed(newLayout(t, seconds)).Classic(); !slices.Equal(c, make([]uint64, len(seconds)+1)) {
		t.Errorf("without durations, Classic() = %v", c)
	}
}

func TestAQuantileIsInTheCellOfTheExactOne(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for name, bounds := range layouts() {
		t.Run(name, func(t *testing.T) {
			l := newLayout(t, bounds)
			for _, n := range []int{1, 2, 3, 10, 1000} {
				for _, to := range []time.Duration{20, time.Minute, math.MaxInt64} {
					durations := sample(random, n, 1, to)
					s := observed(l, durations...)
					slices.Sort(durations)
					var last time.Duration
					for i := range 101 {
						q := float64(i) / 100
						exact := durations[max(int(math.Ceil(q*float64(n))), 1)-1]
						got := s.Quantile(q)
						if (got == 0) != (exact == 0) || exact > 0 && nativeBucket(got, 3) != nativeBucket(exact, 3) || l.Bucket(got) != l.Bucket(exact) {
							t.Fatalf("Quantile(%v) of %d is %v, which is not in the cell of %v", q, n, got, exact)
						}
						if math.Abs(got.Seconds()-exact.Seconds()) > exact.Seconds()/10 {
							t.Fatalf("Quantile(%v) of %d is %v, more than a tenth off %v", q, n, got, exact)
						}
						if got < last {
							t.Fatalf("Quantile(%v) of %d falls from %v to %v", q, n, last, got)
						}
						last = got
					}
				}
			}
		})
	}
}

func TestAQuantileIsInterpolatedWithinItsCell(t *testing.T) {
	// A cell of 1.001 s to 1.002 s, and half of the durations are before it.
	l := newLayout(t, []time.Duration{1001 * time.Millisecond, 1002 * time.Millisecond})
	s := observed(l, time.Millisecond, time.Millisecond, 1_001_999_999, 1_001_999_999)
	for q, want := range map[float64]time.Duration{
		0.75: 1_001_500_000, 0.875: 1_001_750_000, 1: 1_002_000_000,
		7: 1_002_000_000, math.Inf(1): 1_002_000_000,
	} {
		if got := s.Quantile(q); max(got-want, want-got) > 1 {
			t.Errorf("Quantile(%v) = %d, want %d", q, got, want)
		}
	}
	for _, q := range []float64{-1, math.Inf(-1)} {
		if got, want := s.Quantile(q), s.Quantile(0); got != want || got == 0 {
			t.Errorf("Quantile(%v) = %d, want %d", q, got, want)
		}
	}
	if got := s.Quantile(math.NaN()); got != 0 {
		t.Errorf("Quantile(NaN) = %d, want 0", got)
	}
}

func TestAddCountsTheDurationsOfBoth(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	l := newLayout(t, seconds)
	same := newLayout(t, seconds) // another layout with the same bounds
	var none []time.Duration
	short := sample(random, 500, 1, time.Millisecond)
	long := sample(random, 500, time.Microsecond, math.MaxInt64/1024)
	for _, c := range [][2][]time.Duration{{short, long}, {long, short}, {short, short}, {none, long}, {long, none}, {none, none}} {
		a, b := observed(l, c[0]...), observed(same, c[1]...)
		beforeA, beforeB := stateOf(a), stateOf(b)
		sum, ok := a.Add(b)
		if !ok {
			t.Fatal("the bounds do not differ")
		}
		if want := stateOf(observed(l, slices.Concat(c[0], c[1])...)); !stateOf(sum).equal(want) {
			t.Errorf("the sum is %v, want %v", stateOf(sum), want)
		}
		if sum, _ = sum.Add(sum); sum.Count() != 2*(beforeA.count+beforeB.count) {
			t.Errorf("twice the sum counts %d", sum.Count())
		}
		if !stateOf(a).equal(beforeA) || !stateOf(b).equal(beforeB) {
			t.Error("Add changes what it adds")
		}
	}
}

func TestAddRejectsOtherBounds(t *testing.T) {
	a := observed(newLayout(t, seconds), time.Second)
	for _, bounds := range [][]time.Duration{nil, odd, seconds[1:], seconds[:5], append(slices.Clone(seconds[:len(seconds)-1]), time.Hour)} {
		sum, ok := a.Add(observed(newLayout(t, bounds), time.Second))
		if ok || sum.Layout() != nil || sum.Count() != 0 {
			t.Errorf("Add with the bounds %v = %v, %v", bounds, stateOf(sum), ok)
		}
	}
}

// So a loop can begin with the zero Snapshot and add all others to it.
func TestTheZeroSnapshotFitsEveryLayout(t *testing.T) {
	var zero histogram.Snapshot
	l := newLayout(t, seconds)
	s := observed(l, time.Second, time.Minute)
	for _, pair := range [][2]histogram.Snapshot{{zero, s}, {s, zero}} {
		sum, ok := pair[0].Add(pair[1])
		if !ok || sum.Layout() != l || !stateOf(sum).equal(stateOf(s)) {
			t.Errorf("the sum is %v, %v, want %v", stateOf(sum), ok, stateOf(s))
		}
	}
	if sum, ok := zero.Add(zero); !ok || sum.Layout() != nil || sum.Count() != 0 {
		t.Errorf("zero and zero is %v, %v", stateOf(sum), ok)
	}
}

func TestASumSharesNoMemoryWithItsParts(t *testing.T) {
	var zero histogram.Snapshot
	h := histogram.New(newLayout(t, seconds))
	h.Observe(time.Second)
	s, buf := h.Snapshot(nil)
	first, _ := s.Add(zero)
	second, _ := zero.Add(s)
	h.Observe(time.Second)
	h.Snapshot(buf[:0]) // overwrites s
	if s.Count() != 2 {
		t.Fatal("the test needs a snapshot in the same memory")
	}
	if first.Count() != 1 || second.Count() != 1 {
		t.Errorf("the sums count %d and %d, want 1", first.Count(), second.Count())
	}
}
