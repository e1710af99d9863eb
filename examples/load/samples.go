package main

import (
	"math"
	"slices"
	"time"
)

// samples are durations, every one of them: percentiles are exact, not of
// buckets. There are at most maxOrders.
type samples []time.Duration

// percentiles returns, for each p of 0 to 1, the smallest sample that is not
// less than a share p of all samples (the nearest-rank method); zeros if there
// are no samples. It sorts s.
func (s samples) percentiles(ps ...float64) []time.Duration {
	out := make([]time.Duration, len(ps))
	if len(s) == 0 {
		return out
	}
	slices.Sort(s)
	for i, p := range ps {
		rank := int(math.Ceil(p * float64(len(s))))
		out[i] = s[min(max(rank, 1), len(s))-1]
	}
	return out
}
