package telemetry_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// A call without a scope leads to no runner, so the series are the process's: they
// exist without a runner, and each Telemetry exposes them.
func TestCallsThatAskForNothingAreCountedByReason(t *testing.T) {
	logger := slog.Default()
	t.Cleanup(func() { slog.SetDefault(logger) })
	slog.SetDefault(slog.New(slog.DiscardHandler)) // which the runner tells of it

	g := newRig(t, nil)
	counted := func() map[string]float64 { return g.gather().sum(names.MetricMisuse, names.LabelReason) }
	before := counted()
	require.Len(t, before, int(runner.NumMisuses), "each exists before it happens")

	r := g.runner(runner.Config{})
	for range 3 {
		require.ErrorIs(t, runner.After(t.Context(), "a", succeed), runner.ErrNoScope)
	}
	for range 2 {
		require.ErrorIs(t, r.Go(t.Context(), "two words", succeed), runner.ErrInvalidName)
	}
	require.ErrorIs(t, r.Do(t.Context(), "a", nil), runner.ErrNilFunc)
	g.shutdown(r)
	after := counted()
	for reason, n := range map[string]float64{"no_scope": 3, "invalid_name": 2, "nil_func": 1} {
		require.InDelta(t, n, after[reason]-before[reason], 0, reason)
	}
	require.Empty(t, g.gather().sum(names.MetricAsked, names.LabelCallback), "nothing has been asked for")
}
