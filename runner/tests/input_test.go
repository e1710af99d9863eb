package tests

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestNewNamesEveryFieldThatCannotBeUsed(t *testing.T) {
	_, err := runner.New(runner.Config{
		Name: "my runner", Workers: -1, Queue: -2, MaxReserved: -5, MaxHeld: -6, MaxPaused: -7, Overflow: -9, StuckAfter: -time.Second, MaxStuck: -3, MaxNames: -4,
		Names: []string{"a", "a b"}, Limits: map[string]int{"a b": 1, "it": 0},
		DurationBuckets: []time.Duration{1, 1}, WaitBuckets: []time.Duration{-1},
	})
	for _, want := range []string{
		`Name "my runner"`, "Workers is -1", "Queue is -2", "Config.MaxReserved is -5", "Config.MaxHeld is -6", "Config.MaxPaused is -7", "Config.Overflow cannot be used", "StuckAfter is -1s", "MaxStuck is -3", "MaxNames is -4",
		`Names[1] is "a b"`, `Limits["a b"]`, `Limits["it"]`, "Config.DurationBuckets", "Config.WaitBuckets",
	} {
		require.ErrorContains(t, err, want)
	}
	for _, never := range []time.Duration{0, -time.Second} {
		_, err = runner.New(runner.Config{Overflow: runner.Block(never)})
		require.ErrorContains(t, err, "Block with a positive duration")
	}
}

func TestTheZeroConfigHasTheDocumentedDefaults(t *testing.T) {
	r := newRunner(t, runner.Config{})
	s := r.Stats()
	require.Equal(t, "default", s.Name)
	require.Equal(t, 1024, s.Capacity)
	require.Positive(t, s.Workers)
	require.Zero(t, s.Workers%8)
	require.Equal(t, [runner.NumPlaces]runner.PlaceStats{
		runner.PlaceQueued: {Limit: 1024}, runner.PlaceReserved: {Limit: 8192}, runner.PlaceHeld: {Limit: 8192}, runner.PlacePaused: {Limit: 8192},
	}, s.Places)
}

func TestTheOtherPlacesAreEightTimesTheQueueUnlessTheConfigSaysHowMany(t *testing.T) {
	places := func(cfg runner.Config) (limits []int) {
		for _, p := range newRunner(t, cfg).Stats().Places {
			limits = append(limits, p.Limit)
		}
		return limits
	}
	require.Equal(t, []int{3, 24, 24, 24}, places(runner.Config{Queue: 3}))
	require.Equal(t, []int{3, 1, 24, 2}, places(runner.Config{Queue: 3, MaxReserved: 1, MaxPaused: 2}))
	require.Positive(t, places(runner.Config{Queue: math.MaxInt})[1], "no product overflows")
}

func TestMistakesInTheCallAreErrorsAndCountNothing(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ctx, release := r.Scope(t.Context())
	defer release(nil)

	require.ErrorIs(t, r.Go(ctx, "it", nil), runner.ErrNilFunc)
	require.ErrorIs(t, runner.After(ctx, "it", nil), runner.ErrNilFunc)
	for _, name := range []string{"", "with space", "tab\t", "line\n", "ümlaut", "\x00", strings.Repeat("x", 101)} {
		require.ErrorIs(t, runner.After(ctx, name, nothing), runner.ErrInvalidName, "%q", name)
	}
	require.NoError(t, runner.After(ctx, strings.Repeat("x", 100), nothing))
	require.NoError(t, runner.After(ctx, "!~", nothing))

	require.ErrorIs(t, runner.After(t.Context(), "it", nothing), runner.ErrNoScope)
	require.ErrorIs(t, r.After(t.Context(), "it", nothing), runner.ErrNoScope)
	require.Equal(t, uint64(2), r.Stats().Asked)
}

func TestAClosedRunnerRejects(t *testing.T) {
	r, rec := recorded(t, runner.Config{})
	ctx, release := r.Scope(t.Context())
	drain(t, r)

	require.ErrorIs(t, runner.After(ctx, "it", nothing), runner.ErrClosed)
	require.ErrorIs(t, r.Go(ctx, "it", nothing), runner.ErrClosed)
	release(nil)
	require.Equal(t, map[string][]runner.Outcome{"it": {runner.OutcomeRejected, runner.OutcomeRejected}}, outcomes(rec))
	require.Equal(t, runner.ReasonClosed, rec.All()[0].Rejected.Reason)
	s := r.Stats()
	require.True(t, s.Closed)
	require.Equal(t, uint64(2), s.Outcomes[runner.OutcomeRejected])
	requireBalanced(t, s)
}

func TestOutcomeNamesAreTheOnesOfTheMetrics(t *testing.T) {
	var names []string
	for o := range runner.NumOutcomes {
		names = append(names, o.String())
	}
	require.Equal(t, "success error panic timeout canceled rejected dropped abandoned skipped coalesced", strings.Join(names, " "))
	require.Equal(t, "Outcome(10)", runner.NumOutcomes.String())
}

func TestNilArgumentsPanicWithTheReasonWhereTheyAreGiven(t *testing.T) {
	r := newRunner(t, runner.Config{})
	var none context.Context
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = r.Go(none, "it", nothing) })
	require.PanicsWithValue(t, "runner: nil Context", func() { r.Scope(none) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = runner.After(none, "it", nothing) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = r.After(none, "it", nothing) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = r.Do(none, "it", nothing) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = runner.AfterAll(none, runner.Call{Name: "it", Func: nothing}) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = r.AfterAll(none, runner.Call{Name: "it", Func: nothing}) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _ = runner.Wait(none) })
	require.PanicsWithValue(t, "runner: nil Context", func() { _, _ = r.Shutdown(none) })
	require.PanicsWithValue(t, "runner: Bind of a nil http.Server", func() { runner.Bind(nil) })
	require.PanicsWithValue(t, "runner: Middleware of a nil http.Handler", func() { r.Middleware(nil) })
}

func TestShutdownFromACallbackIsAnError(t *testing.T) {
	r := newRunner(t, runner.Config{})
	got := make(chan error, 1)
	require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
		_, err := r.Shutdown(ctx)
		got <- err
		return nil
	}))
	require.ErrorContains(t, <-got, "call it from outside")
	require.NoError(t, r.Go(t.Context(), "goes-on", nothing))
}
