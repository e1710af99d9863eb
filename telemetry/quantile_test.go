package telemetry_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// classicQuantile is what Prometheus's histogram_quantile computes of classic buckets:
// it takes observations to lie evenly between the bounds of their bucket, and those
// beyond the last bound to lie on it.
func classicQuantile(q float64, h *dto.Histogram) float64 {
	rank := q * float64(h.GetSampleCount())
	lower, below := 0.0, 0.0
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			break
		}
		upTo := float64(b.GetCumulativeCount())
		if upTo >= rank && upTo > below {
			return lower + (b.GetUpperBound()-lower)*(rank-below)/(upTo-below)
		}
		lower, below = b.GetUpperBound(), upTo
	}
	return lower
}

// A callback that always runs into its timeout shows its timeout as its 99th
// percentile, and not the bound of some bucket far above.
func TestTheP99OfACallbackThatAlwaysTimesOutReadsAsItsTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute} {
		for _, beyond := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond} { // until it returns
			t.Run(fmt.Sprint(timeout, "+", beyond), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := newRig(t, nil)
					r := g.runner(runner.Config{Workers: 100, Timeout: timeout})
					for range 100 {
						require.NoError(t, r.Go(t.Context(), "order.email", func(ctx context.Context) error {
							<-ctx.Done()
							<-time.After(beyond)
							return context.Cause(ctx)
						}))
					}
					g.shutdown(r)
					h := histogramsOf(t, g.registry, names.MetricCallbackDuration, names.LabelResult)[names.ResultFailure]
					require.EqualValues(t, 100, h.GetSampleCount())
					p99 := classicQuantile(.99, h) / timeout.Seconds()
					require.InDelta(t, 1.025, p99, .085, "of its timeout") // 94 to 111 %
					require.LessOrEqual(t, p99, 1.1, "of its timeout")
				})
			})
		}
	}
}
