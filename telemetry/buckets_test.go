package telemetry_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/telemetry"
)

// bounds are classic buckets, some of which are native bounds as well.
func bounds() []time.Duration {
	return []time.Duration{1, time.Microsecond, 100 * time.Millisecond, 250 * time.Millisecond, time.Second / 3, 500 * time.Millisecond, time.Second, time.Second + 1, 2 * time.Second, time.Minute, 277 * time.Hour}
}

func inSeconds(all []time.Duration) (seconds []float64) {
	for _, d := range all {
		seconds = append(seconds, d.Seconds())
	}
	return seconds
}

// histogramsOf returns the histograms of a metric by the value of a label.
func histogramsOf(t testing.TB, g prometheus.Gatherer, metric, label string) map[string]*dto.Histogram {
	families, err := g.Gather()
	require.NoError(t, err)
	found := make(map[string]*dto.Histogram)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == metric && l.GetName() == label {
					found[l.GetValue()] = m.GetHistogram()
				}
			}
		}
	}
	return found
}

// oracle is a histogram of client_golang with native buckets that grow by some
// factor at most, as many as there are.
func oracle(factor float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "oracle", Buckets: inSeconds(bounds()), NativeHistogramBucketFactor: factor})
}

// requireSame requires the same buckets of both kinds and the same count.
func requireSame(t testing.TB, want prometheus.Metric, got *dto.Histogram) {
	t.Helper()
	var m dto.Metric
	require.NoError(t, want.Write(&m))
	h := m.GetHistogram()
	require.Equal(t, h.GetSampleCount(), got.GetSampleCount())
	if h.GetSampleSum() < math.MaxUint64/1e9 { // Beyond, a sum starts again.
		require.InEpsilon(t, h.GetSampleSum(), got.GetSampleSum(), 1e-9)
	}
	require.Equal(t, len(h.GetBucket()), len(got.GetBucket())) //nolint:testifylint // require.Len would print them all
	for i, b := range h.GetBucket() {
		require.InDelta(t, b.GetUpperBound(), got.GetBucket()[i].GetUpperBound(), 0)
		require.Equal(t, b.GetCumulativeCount(), got.GetBucket()[i].GetCumulativeCount(), "up to %v", b.GetUpperBound())
	}
	require.Equal(t, h.GetSchema(), got.GetSchema())
	require.InDelta(t, h.GetZeroThreshold(), got.GetZeroThreshold(), 0)
	require.Equal(t, h.GetZeroCount(), got.GetZeroCount())
	spans := func(h *dto.Histogram) (all [][2]int) {
		for _, s := range h.GetPositiveSpan() {
			all = append(all, [2]int{int(s.GetOffset()), int(s.GetLength())})
		}
		return all
	}
	require.Equal(t, spans(h), spans(got))
	require.Equal(t, h.GetPositiveDelta(), got.GetPositiveDelta())
	require.Empty(t, got.GetNegativeSpan())
}

// spread returns a duration between 2^from and 2^to seconds, as often of each
// power of two.
func spread(random *rand.Rand, from, to float64) time.Duration {
	return time.Duration(math.Min(math.Exp2(from+random.Float64()*(to-from))*1e9, math.MaxInt64-1024))
}

// exposed is a histogram and the series that exposes it.
type exposed struct {
	histogram.Histogram
	write func(histogram.Snapshot) *dto.Histogram
}

func newExposed(t testing.TB) *exposed {
	layout, err := histogram.NewLayout(bounds())
	require.NoError(t, err)
	return &exposed{histogram.New(layout), telemetry.NewSeries()}
}

func (e *exposed) scrape() *dto.Histogram {
	s, _ := e.Snapshot(nil)
	return e.write(s)
}

func TestDurationsAreInTheBucketsOfClientGolang(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	// A few powers of two at a time, lest buckets are merged.
	const step = 8
	for from := -30; from < 20; from += step {
		got, want := newExposed(t), oracle(1.1)
		durations := []time.Duration{0}
		for range 12_000 {
			durations = append(durations, spread(random, float64(from), float64(from+step)))
		}
		for _, b := range bounds() {
			if math.Exp2(float64(from)) <= b.Seconds() && b.Seconds() < math.Exp2(float64(from+step)) {
				durations = append(durations, b-1, b, b+1)
			}
		}
		for _, d := range durations {
			got.Observe(d)
			want.Observe(d.Seconds())
		}
		requireSame(t, want, got.scrape())
	}
}

// All of a native histogram's buckets are merged at once, as Prometheus merges
// what it has stored: each bucket holds what two of the next finer schema do.
func TestTooManyNativeBucketsAreMergedAndStaySo(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, c := range map[string]struct {
		from, to float64 // powers of two of a second
		factor   float64 // of the schema that has no more than 160 buckets for them
		schema   int32
	}{
		"some":       {-10, 9, 1.1, 3},
		"many":       {-14, 10, 1.2, 2},
		"everything": {-30, 33, 1.5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e, want := newExposed(t), oracle(c.factor)
			observe := func(d time.Duration) {
				e.Observe(d)
				want.Observe(d.Seconds())
			}
			observe(time.Second)
			require.EqualValues(t, 3, e.scrape().GetSchema())
			for range 20_000 {
				observe(spread(random, c.from, c.to))
			}
			got := e.scrape()
			require.Equal(t, c.schema, got.GetSchema())
			require.LessOrEqual(t, len(got.GetPositiveDelta()), 160)
			requireSame(t, want, got)
			observe(time.Minute)
			requireSame(t, want, e.scrape())
			few := newExposed(t)
			few.Observe(time.Second)
			s, _ := few.Snapshot(nil)
			require.Equal(t, c.schema, e.write(s).GetSchema(), "a schema that rises again is a restart")
		})
	}
}

// requireValid requires what Prometheus does of a histogram, or it drops it: the
// count is the sum of the buckets, of whichever kind, and none is negative.
func requireValid(t testing.TB, h *dto.Histogram) {
	t.Helper()
	var before uint64
	for _, b := range h.GetBucket() {
		require.GreaterOrEqual(t, b.GetCumulativeCount(), before)
		before = b.GetCumulativeCount()
	}
	require.LessOrEqual(t, before, h.GetSampleCount())
	if last := h.GetBucket()[len(h.GetBucket())-1]; math.IsInf(last.GetUpperBound(), 1) {
		require.Equal(t, h.GetSampleCount(), before)
	}
	var length uint32
	for i, s := range h.GetPositiveSpan() {
		require.True(t, i == 0 || s.GetOffset() > 0)
		length += s.GetLength()
	}
	require.Len(t, h.GetPositiveDelta(), int(length))
	sum, bucket := h.GetZeroCount(), int64(0)
	for _, delta := range h.GetPositiveDelta() {
		bucket += delta
		require.GreaterOrEqual(t, bucket, int64(0))
		sum += uint64(bucket)
	}
	require.Equal(t, h.GetSampleCount(), sum)
	for _, b := range h.GetBucket() {
		if e := b.GetExemplar(); e != nil {
			i := slices.Index(h.GetBucket(), b)
			require.LessOrEqual(t, e.GetValue(), b.GetUpperBound())
			require.True(t, i == 0 || e.GetValue() > h.GetBucket()[i-1].GetUpperBound())
			require.True(t, i == 0 && b.GetCumulativeCount() > 0 || b.GetCumulativeCount() > h.GetBucket()[i-1].GetCumulativeCount(),
				"what is an exemplar is counted")
			require.NoError(t, e.GetTimestamp().CheckValid(), "native histograms take none without")
		}
	}
}
