package histogram_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// seconds are the bounds that a service has for the run times of its callbacks.
var seconds = []time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute,
}

// odd are bounds that are allowed. Some are native bounds as well, some are just
// beside one, and some are so long that float64 seconds cannot tell them apart.
var odd = []time.Duration{
	1, 2, 3, 17, time.Microsecond, 124_999_999, 125 * time.Millisecond, 125_000_001, 333_333_333, time.Second - 1,
	time.Second, time.Second + 1, time.Minute, 1 << 53, 1<<53 + 1, 1 << 62, 1<<62 + 1, math.MaxInt64 - 1, math.MaxInt64,
}

// dense are more bounds than a block has cells, within one power of two.
func dense() (bounds []time.Duration) {
	for i := range 200 {
		bounds = append(bounds, time.Second+time.Duration(i)*time.Millisecond)
	}
	return bounds
}

func layouts() map[string][]time.Duration {
	return map[string][]time.Duration{"none": nil, "seconds": seconds, "odd": odd, "dense": dense(), "forever": {math.MaxInt64}}
}

func newLayout(t testing.TB, bounds []time.Duration) *histogram.Layout {
	t.Helper()
	l, err := histogram.NewLayout(bounds)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// between returns a random duration, as often of each power of two.
func between(random *rand.Rand, from, to time.Duration) time.Duration {
	d := math.Exp2(math.Log2(float64(from)) + random.Float64()*math.Log2(float64(to)/float64(from)))
	return min(max(time.Duration(d), from), to)
}

// classicBucket is the slow reference for Layout.Bucket.
func classicBucket(bounds []time.Duration, d time.Duration) int {
	for i, bound := range bounds {
		if d <= bound {
			return i
		}
	}
	return len(bounds)
}

// nativeBucket is the slow reference for the index of a native bucket. It does
// what client_golang does with the seconds of a duration above 0.
func nativeBucket(d time.Duration, schema int32) int {
	bounds := []float64{
		0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
		0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
	}
	fraction, exponent := math.Frexp(d.Seconds())
	step := 1 << (histogram.Schema - schema)
	i := 0
	for i*step < len(bounds) && bounds[i*step] < fraction {
		i++
	}
	return i + (exponent-1)*(len(bounds)/step)
}

// edges returns the durations at which a fault is likely: around all bounds,
// around all powers of two, and around all native bounds.
func edges(bounds []time.Duration) []time.Duration {
	all := []time.Duration{math.MinInt64, -1, 0, math.MaxInt64 - 1, math.MaxInt64}
	around := func(at float64) {
		for _, by := range []time.Duration{-1025, -513, -512, -2, -1, 0, 1, 2, 512, 513, 1025} {
			// A float64 at or above 2^63 is no duration.
			if at < 1<<63 && time.Duration(at) <= math.MaxInt64-max(by, 0) {
				all = append(all, time.Duration(at)+by)
			}
		}
	}
	for _, bound := range bounds {
		all = append(all, bound-1, bound)
		if bound < math.MaxInt64 {
			all = append(all, bound+1)
		}
	}
	for n := range 63 {
		for sixteenth := range 16 {
			around(math.Ldexp(1+float64(sixteenth)/16, n))
		}
	}
	for i := -31 * 8; i <= 34*8; i++ {
		around(math.Exp2(float64(i)/8) * 1e9)
	}
	return all
}

// checkCells requires that a duration is in the buckets of the slow references,
// of each kind and each schema.
func checkCells(t *testing.T, l *histogram.Layout, d time.Duration) {
	t.Helper()
	bounds := l.Bounds()
	h := histogram.New(l)
	h.Observe(d)
	s, _ := h.Snapshot(nil)
	want := classicBucket(bounds, d) // All bounds are positive, so a negative duration is in the bucket of 0.
	if got := l.Bucket(d); got != want {
		t.Fatalf("Bucket(%d) = %d, want %d", d, got, want)
	}
	d = max(d, 0)
	for i, n := range s.Classic() {
		if (n == 1) != (i >= want) || n > 1 {
			t.Fatalf("Classic of %d is %v, want 1 from index %d", d, s.Classic(), want)
		}
	}
	if got := s.Quantile(1); classicBucket(bounds, got) != want || got > 0 != (d > 0) || d > 0 && nativeBucket(got, 3) != nativeBucket(d, 3) {
		t.Fatalf("Quantile(1) = %d, which is not in the cell of %d", got, d)
	}
	for schema := range int32(histogram.Schema + 1) {
		spans, deltas := s.Native(schema)
		switch {
		case d == 0:
			if s.Zero() != 1 || spans != nil || deltas != nil {
				t.Fatalf("0 is not in the zero bucket: %d, %v, %v", s.Zero(), spans, deltas)
			}
		case s.Zero() != 0 || !slices.Equal(spans, []histogram.Span{{Offset: int32(nativeBucket(d, schema)), Length: 1}}) || !slices.Equal(deltas, []int64{1}):
			t.Fatalf("Native(%d) of %d is %v, %v and zero %d, want bucket %d", schema, d, spans, deltas, s.Zero(), nativeBucket(d, schema))
		}
	}
}

func TestEachDurationIsInItsBuckets(t *testing.T) {
	for name, bounds := range layouts() {
		t.Run(name, func(t *testing.T) {
			l := newLayout(t, bounds)
			for _, d := range edges(bounds) {
				checkCells(t, l, d)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 20_000 {
				checkCells(t, l, between(random, 1, math.MaxInt64))
			}
		})
	}
}

func FuzzEachDurationIsInItsBuckets(f *testing.F) {
	f.Add(int64(time.Second), int64(time.Second), int64(1))
	f.Add(int64(-1), int64(1), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, d, first, second int64) {
		l, err := histogram.NewLayout([]time.Duration{time.Duration(first), time.Duration(second)})
		if valid := 0 < first && first < second; valid != (err == nil) {
			t.Fatalf("bounds %d, %d: %v", first, second, err)
		}
		if err == nil {
			checkCells(t, l, time.Duration(d))
		}
	})
}

func TestBoundsAreCopied(t *testing.T) {
	bounds := slices.Clone(seconds)
	l := newLayout(t, bounds)
	bounds[0] = time.Hour
	l.Bounds()[1] = time.Hour
	if !slices.Equal(l.Bounds(), seconds) {
		t.Fatalf("Bounds() = %v, want %v", l.Bounds(), seconds)
	}
}

func TestBoundsThatAreNotPositiveAndIncreasingAreRejected(t *testing.T) {
	for _, c := range []struct {
		bounds []time.Duration
		want   []string // parts of the error
	}{
		{[]time.Duration{0, time.Second}, []string{"bounds[0] is 0s", "above 0"}},
		{[]time.Duration{-time.Minute}, []string{"bounds[0] is -1m0s", "above 0"}},
		{[]time.Duration{time.Second, time.Minute, -1}, []string{"bounds[2] is -1ns", "above 0"}},
		{[]time.Duration{time.Second, time.Second}, []string{"bounds[1] is 1s", "before it, 1s"}},
		{[]time.Duration{time.Second, time.Minute, time.Millisecond}, []string{"bounds[2] is 1ms", "before it, 1m0s"}},
	} {
		l, err := histogram.NewLayout(c.bounds)
		if l != nil || err == nil {
			t.Fatalf("NewLayout(%v) = %v, %v, want an error", c.bounds, l, err)
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("NewLayout(%v): %q does not contain %q", c.bounds, err, part)
			}
		}
	}
}
