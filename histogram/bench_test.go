package histogram_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

// BenchmarkObserve has the same duration each time, and durations between 1 ms
// and 1 s that the processor cannot foresee.
func BenchmarkObserve(b *testing.B) {
	const count = 4096
	random := rand.New(rand.NewPCG(1, 2))
	var spread []time.Duration
	for range count {
		spread = append(spread, between(random, time.Millisecond, time.Second))
	}
	for _, c := range []struct {
		name      string
		durations []time.Duration
	}{
		{"same", slices.Repeat([]time.Duration{30 * time.Millisecond}, count)},
		{"spread", spread},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			h := histogram.New(newLayout(b, seconds))
			var i uint
			for b.Loop() {
				h.Observe(c.durations[i%count])
				i++
			}
		})
	}
}

// BenchmarkSnapshot takes what a runner takes under its lock for 100 names with
// two results each.
func BenchmarkSnapshot(b *testing.B) {
	histograms, blocks := hundredNames(b)
	buf := make([]histogram.Block, 0, blocks)
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for i := range histograms {
			_, buf = histograms[i].Snapshot(buf)
		}
	}
	b.ReportMetric(float64(blocks), "blocks")
}

// BenchmarkRead takes what a scrape computes from one snapshot.
func BenchmarkRead(b *testing.B) {
	histograms, _ := hundredNames(b)
	s, _ := histograms[0].Snapshot(nil)
	other, _ := histograms[1].Snapshot(nil)
	for _, c := range []struct {
		name string
		read func()
	}{
		{"Count", func() { s.Count() }},
		{"Classic", func() { s.Classic() }},
		{"Native", func() { s.Native(histogram.Schema) }},
		{"Quantile", func() { s.Quantile(.99) }},
		{"Add", func() { s.Add(other) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.read()
			}
		})
	}
}

// hundredNames returns 200 histograms with 8 blocks each.
func hundredNames(b *testing.B) (histograms []histogram.Histogram, blocks int) {
	random := rand.New(rand.NewPCG(1, 2))
	l := newLayout(b, seconds)
	for range 200 {
		h := histogram.New(l)
		for h.Blocks() < 8 {
			h.Observe(between(random, time.Millisecond, time.Hour))
		}
		histograms = append(histograms, h)
		blocks += h.Blocks()
	}
	return histograms, blocks
}
