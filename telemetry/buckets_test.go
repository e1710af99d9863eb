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
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// oddBuckets are bounds that a classic histogram may have, some of which no
// duration is exactly at, and some that are native bounds as well.
func oddBuckets() []float64 {
	return []float64{-1, 0, 1e-10, 1e-9, 1.5e-9, 1e-6, .1, .25, 1. / 3, .5, 1, math.Nextafter(1, 2), 2, 60, 1e6, 4e9, 1e11}
}

// waits is a rig of which only the histograms of queue waits are used: one for
// each runner.
type waits struct {
	*rig
	observer runner.Observer
}

func newWaits(t testing.TB, buckets []float64) waits {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider, cfg.WaitBuckets = noop.NewTracerProvider(), buckets })
	return waits{g, g.tel.Observer()}
}

func (w waits) observe(name string, wait time.Duration) {
	due := time.Unix(1, 0)
	w.observer.Started(w.t.Context(), runner.StartedInfo{
		Callback: runner.Callback{Runner: name, Name: "a", Asked: due},
		Due:      due, Started: due.Add(wait), Attempt: 1,
	})
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
func oracle(buckets []float64, factor float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "oracle", Buckets: buckets, NativeHistogramBucketFactor: factor})
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

// edges returns what is just at, below and above a bound in seconds.
func edges(bound float64) (all []time.Duration) {
	at := math.Round(bound * 1e9)
	for _, by := range []float64{-1024, -513, -512, -1, 0, 1, 512, 513, 1024} {
		if d := at + by; d >= 0 && d < math.MaxInt64 {
			all = append(all, time.Duration(d))
		}
	}
	return all
}

// spread returns a duration between 2^from and 2^to seconds, as often of each
// power of two.
func spread(random *rand.Rand, from, to float64) time.Duration {
	return time.Duration(math.Min(math.Exp2(from+random.Float64()*(to-from))*1e9, math.MaxInt64-1024))
}

func TestDurationsAreInTheBucketsOfClientGolang(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	w := newWaits(t, oddBuckets())
	oracles := make(map[string]prometheus.Histogram)
	// A few powers of two for each runner, lest buckets are merged.
	const step = 8
	for from := -30; from < 34; from += step {
		name := time.Duration(from).String()
		want := oracle(oddBuckets(), 1.1)
		oracles[name] = want
		durations := []time.Duration{0}
		for range 12_000 {
			durations = append(durations, spread(random, float64(from), float64(from+step)))
		}
		for i := range step * 8 {
			durations = append(durations, edges(math.Exp2(float64(from)+float64(i)/8))...)
		}
		if from+step > 33 {
			durations = append(durations, math.MaxInt64, math.MaxInt64-1)
		}
		for _, b := range oddBuckets() {
			if math.Exp2(float64(from)) <= b && b < math.Exp2(float64(from+step)) {
				durations = append(durations, edges(b)...)
			}
		}
		for _, d := range durations {
			w.observe(name, d)
			want.Observe(d.Seconds())
		}
	}
	got := histogramsOf(t, w.registry, names.MetricQueueWait, names.LabelRunner)
	require.Len(t, got, len(oracles))
	for name, want := range oracles {
		requireSame(t, want, got[name])
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
			w, want := newWaits(t, oddBuckets()), oracle(oddBuckets(), c.factor)
			observe := func(d time.Duration) {
				w.observe("a", d)
				want.Observe(d.Seconds())
			}
			observe(time.Second)
			scrape := func() *dto.Histogram {
				return histogramsOf(t, w.registry, names.MetricQueueWait, names.LabelRunner)["a"]
			}
			require.EqualValues(t, 3, scrape().GetSchema())
			for range 20_000 {
				observe(spread(random, c.from, c.to))
			}
			got := scrape()
			require.Equal(t, c.schema, got.GetSchema())
			require.LessOrEqual(t, len(got.GetPositiveDelta()), 160)
			requireSame(t, want, got)
			observe(time.Minute)
			requireSame(t, want, scrape())
		})
	}
}

func TestATimeLessThanNothingCountsAsNothing(t *testing.T) {
	w := newWaits(t, nil)
	w.observe("a", time.Second)
	w.observe("a", -time.Hour)
	w.observe("a", math.MinInt64)
	h := histogramsOf(t, w.registry, names.MetricQueueWait, names.LabelRunner)["a"]
	require.EqualValues(t, 3, h.GetSampleCount())
	require.EqualValues(t, 2, h.GetZeroCount())
	require.InDelta(t, 1, h.GetSampleSum(), 0, "a sum that falls is a restart")
	require.EqualValues(t, 2, h.GetBucket()[0].GetCumulativeCount())
	requireValid(t, h)
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
