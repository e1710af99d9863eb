package tests

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

var callbacks = flag.Int("exacth2.callbacks", 1500, "callbacks of TestNoCallbackBeginsBeforeItsEndStream for each way to reach a server")

// Under load with concurrent streams, resets by either side, windows that open late,
// connections that are read slowly and connections that are left, no callback begins before
// the END_STREAM of its response is with the kernel, and each runs once.
func TestNoCallbackBeginsBeforeItsEndStream(t *testing.T) {
	n := *callbacks
	if testing.Short() {
		n = min(n, 300)
	}
	each(t, func(t *testing.T, k kind) {
		res := run(t, k, true, n)
		t.Logf("%+v", res)
		require.Zero(t, res.early, "callbacks began before the kernel had the end of their responses")
		require.Zero(t, res.lost, "callbacks never ran")
		require.Zero(t, res.twice, "callbacks ran twice")
		require.Greater(t, res.ended, n/2)
	})
}

// The same load finds early callbacks if Configure is not called.
func TestTheProofFindsEarlyCallbacks(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		res := run(t, k, false, 1000)
		t.Logf("%+v", res)
		require.NotZero(t, res.early)
		require.Zero(t, res.lost)
	})
}
