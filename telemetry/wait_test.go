package telemetry_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// What waits for its share of Config.Limits shows under its own name. Those of two
// runners of one name are added.
func TestTheWaitsOfACallbackAreAddedUpByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		for range 2 {
			r := g.runner(runner.Config{Workers: 9, Limits: map[string]int{"limited": 1}})
			for range 3 { // the second waits for 1 s, the third for 2 s
				require.NoError(t, r.Go(t.Context(), "limited", takes(time.Second)))
				require.NoError(t, r.Go(t.Context(), "free", takes(time.Second)))
			}
			g.shutdown(r)
		}
		s := g.series()
		require.InDelta(t, 6.0, s[`afterglow_callback_queue_wait_seconds_sum{callback="limited",runner="default"}`], 0)
		require.InDelta(t, 6.0, s[`afterglow_callback_queue_wait_seconds_count{callback="limited",runner="default"}`], 0)
		require.Zero(t, s[`afterglow_callback_queue_wait_seconds_sum{callback="free",runner="default"}`])
		require.InDelta(t, 6.0, s[`afterglow_callback_queue_wait_seconds_count{callback="free",runner="default"}`], 0)
		require.InDelta(t, 6.0, s[`afterglow_queue_wait_seconds_sum{runner="default"}`], 0, "the names add up to it")
	})
}
