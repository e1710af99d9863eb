package histogram_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// requireNative requires that the spans and deltas of a snapshot decode to some
// buckets, that they begin and end with buckets that are not empty, and that
// there is a new span exactly for each gap of more than two.
func requireNative(t *testing.T, s histogram.Snapshot, schema int32, want map[int]uint64) {
	t.Helper()
	spans, deltas := s.Native(schema)
	got := make(map[int]uint64)
	bucket, count, total := 0, int64(0), s.Zero()
	var filled []int // indexes of buckets that are not empty
	for i, span := range spans {
		if i > 0 && span.Offset <= 2 || span.Length == 0 {
			t.Errorf("schema %d: span %d is %v", schema, i, span)
		}
		bucket += int(span.Offset)
		first := bucket
		for range span.Length {
			count += deltas[0]
			deltas = deltas[1:]
			if count < 0 {
				t.Fatalf("schema %d: bucket %d has %d", schema, bucket, count)
			}
			if count > 0 {
				got[bucket] = uint64(count)
				filled = append(filled, bucket)
			} else if bucket == first || bucket == first+int(span.Length)-1 {
				t.Errorf("schema %d: span %d begins or ends with an empty bucket", schema, i)
			}
			total += uint64(count)
			bucket++
		}
	}
	if len(deltas) > 0 {
		t.Errorf("schema %d: %d deltas are in no span", schema, len(deltas))
	}
	if total != s.Count() {
		t.Errorf("schema %d: the buckets have %d, want %d", schema, total, s.Count())
	}
	wide := 1
	for i := 1; i < len(filled); i++ {
		if filled[i]-filled[i-1]-1 > 2 {
			wide++
		}
	}
	if len(filled) > 0 && len(spans) != wide {
		t.Errorf("schema %d: %d spans, want %d", schema, len(spans), wide)
	}
	if len(got) != len(want) {
		t.Errorf("schema %d: %d buckets, want %d", schema, len(got), len(want))
	}
	for bucket, n := range want {
		if got[bucket] != n {
			t.Errorf("schema %d: bucket %d has %d, want %d", schema, bucket, got[bucket], n)
		}
	}
}

func TestEachSchemaHasHalfTheBucketsOfTheNextFinerOne(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for _, n := range []int{1, 5, 50, 5000} {
		durations := sample(random, n, 1, math.MaxInt64)
		s := observed(newLayout(t, odd), durations...)
		finest := make(map[int]uint64)
		for schema := range int32(histogram.Schema + 1) {
			buckets := make(map[int]uint64)
			for _, d := range durations {
				if d > 0 {
					buckets[nativeBucket(d, schema)]++
				}
			}
			requireNative(t, s, schema, buckets)
			finest = buckets
		}
		// The same by hand: a bucket of schema k has buckets 2i-1 and 2i of k+1.
		for schema := int32(histogram.Schema - 1); schema >= 0; schema-- {
			merged := make(map[int]uint64)
			for i, count := range finest {
				merged[int(math.Ceil(float64(i)/2))] += count
			}
			requireNative(t, s, schema, merged)
			finest = merged
		}
	}
}

func TestNativeIsAsPrometheusWritesIt(t *testing.T) {
	s := observed(newLayout(t, nil), 0,
		time.Second, time.Second, // bucket 0 ends at 1 s
		1050*time.Millisecond,          // 1
		1400*time.Millisecond,          // 4, after two empty ones
		2*time.Second, 2*time.Second-1, // 8, after three empty ones
		100*time.Millisecond,                     // -26
		62500*time.Microsecond, time.Second/16+1, // -32, -31
	)
	for _, c := range []struct {
		schema int32
		spans  []histogram.Span
		deltas []int64
	}{
		{3, []histogram.Span{{-32, 2}, {4, 1}, {25, 5}, {3, 1}}, []int64{1, 0, 0, 1, -1, -1, 0, 1, 1}},
		{2, []histogram.Span{{-16, 4}, {12, 5}}, []int64{1, 0, -1, 1, 1, -1, 0, -1, 2}},
		{1, []histogram.Span{{-8, 3}, {5, 3}}, []int64{1, 0, 0, 1, 0, 0}},
		{0, []histogram.Span{{-4, 6}}, []int64{1, 1, -2, 0, 2, 2}},
	} {
		spans, deltas := s.Native(c.schema)
		if !slices.Equal(spans, c.spans) || !slices.Equal(deltas, c.deltas) {
			t.Errorf("Native(%d) = %v, %v, want %v, %v", c.schema, spans, deltas, c.spans, c.deltas)
		}
	}
}

func TestTheCoarserSchemasNeverHaveMoreThanMaxNativeBuckets(t *testing.T) {
	h := histogram.New(newLayout(t, nil))
	for d := time.Duration(math.MaxInt64); d > 0; d -= d/64 + 1 {
		h.Observe(d)
	}
	s, _ := h.Snapshot(nil)
	for schema := range int32(histogram.Schema + 1) {
		_, deltas := s.Native(schema)
		if got := len(deltas) <= histogram.MaxNativeBuckets; got != (schema < 2) {
			t.Errorf("schema %d has %d buckets for all durations", schema, len(deltas))
		}
	}
}

func TestNativePanicsForOtherSchemas(t *testing.T) {
	for _, schema := range []int32{-1, histogram.Schema + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Native(%d) does not panic", schema)
				}
			}()
			histogram.Snapshot{}.Native(schema)
		}()
	}
}
