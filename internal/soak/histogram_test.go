package soak

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// histogram counts durations in buckets, each 1 % wider than the one before.
type histogram struct {
	Count   int64
	Buckets map[int]int64 // by the logarithm of the duration to base 1.01
}

const bucketWidth = 1.01

func (h *histogram) add(d time.Duration) {
	if h.Buckets == nil {
		h.Buckets = make(map[int]int64)
	}
	h.Count++
	h.Buckets[int(math.Log(float64(max(d, 1)))/math.Log(bucketWidth))]++
}

func (h *histogram) merge(other *histogram) {
	if h.Buckets == nil {
		h.Buckets = make(map[int]int64)
	}
	h.Count += other.Count
	for b, n := range other.Buckets {
		h.Buckets[b] += n
	}
}

// quantile returns the duration that a share q of all do not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	if h.Count == 0 {
		return 0
	}
	rank, highest := int64(math.Ceil(q*float64(h.Count))), 0
	for b := range h.Buckets {
		highest = max(highest, b)
	}
	var seen int64
	for b := 0; b <= highest; b++ {
		if seen += h.Buckets[b]; seen >= rank {
			return time.Duration(math.Pow(bucketWidth, float64(b)+0.5))
		}
	}
	return 0 // the buckets hold Count
}

func TestAQuantileIsWithinAPercent(t *testing.T) {
	var a, b histogram
	for i := range 500 {
		a.add(time.Duration(2*i+1) * time.Millisecond)
		b.add(time.Duration(2*i+2) * time.Millisecond)
	}
	a.merge(&b)
	for q, want := range map[float64]time.Duration{0.001: time.Millisecond, 0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		require.InEpsilon(t, want, a.quantile(q), 0.01, q)
	}
	require.Zero(t, (&histogram{}).quantile(0.99))
}
