package tests

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// every waits the same time after each attempt.
func every(d time.Duration) runner.Backoff { return func(int) time.Duration { return d } }

func TestRetryRunsUntilItSucceedsAndCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1})
		begin := time.Now()
		var ran []time.Duration
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
			ran = append(ran, time.Since(begin))
			if len(ran) < 4 {
				return fmt.Errorf("attempt %d: %w", len(ran), errBroken)
			}
			return nil
		}, runner.RetryBackoff(5, func(n int) time.Duration { return time.Duration(n) * time.Second })))
		drain(t, r)
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 6 * time.Second}, ran)
		require.Equal(t, map[string][]runner.Outcome{"it": {runner.OutcomeSuccess}}, outcomes(rec))
		it := only(t, rec, "it")
		require.Len(t, it.Retried, 3)
		require.Equal(t, 2, it.Retried[1].Attempt)
		require.Equal(t, 2*time.Second, it.Retried[1].Wait)
		require.ErrorContains(t, it.Retried[1].Err, "attempt 2")
		require.Len(t, it.Started, 4)
		require.Equal(t, 4, it.Finished.Attempt)
		require.Equal(t, uint64(1), r.Stats().Outcomes.Total())
	})
}

func TestRetryEndsWithTheLastAttempt(t *testing.T) {
	tests := []struct {
		name     string
		attempts int
		fn       func(context.Context) error
		runs     int
		outcome  runner.Outcome
	}{
		{"all fail", 3, func(context.Context) error { return errBroken }, 3, runner.OutcomeError},
		{"timeout is retried", 2, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 2, runner.OutcomeTimeout},
		{"panic is not", 3, func(context.Context) error { panic("boom") }, 1, runner.OutcomePanic},
		{"Goexit is not", 3, func(context.Context) error { runtime.Goexit(); return nil }, 1, runner.OutcomeError},
		{"permanent is not", 3, func(context.Context) error { return fmt.Errorf("no: %w", runner.Permanent(errBroken)) }, 1, runner.OutcomeError},
		{"one attempt", 1, func(context.Context) error { return errBroken }, 1, runner.OutcomeError},
		{"no attempts", 0, func(context.Context) error { return errBroken }, 1, runner.OutcomeError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{Workers: 1, Timeout: time.Second})
				runs := 0
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { runs++; return tt.fn(ctx) }, runner.Retry(tt.attempts)))
				drain(t, r)
				require.Equal(t, tt.runs, runs)
				require.Equal(t, map[string][]runner.Outcome{"it": {tt.outcome}}, outcomes(rec))
			})
		})
	}
	require.NoError(t, runner.Permanent(nil))
	require.ErrorIs(t, runner.Permanent(errBroken), errBroken)
	require.EqualError(t, runner.Permanent(errBroken), errBroken.Error())
}

func TestRetryWaitsWithoutAWorkerAndWithoutAPlaceOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 2, MaxPaused: 4})
		fails := func(context.Context) error { return errBroken }
		require.NoError(t, r.Go(t.Context(), "fails", fails, runner.RetryBackoff(2, every(time.Hour))))
		synctest.Wait()
		s := r.Stats()
		require.Equal(t, 1, s.Paused)
		require.Zero(t, s.Busy)
		require.Zero(t, s.Depth)
		require.Equal(t, runner.PlaceStats{Taken: 1, Limit: 4}, s.Places[runner.PlacePaused])
		requireBalanced(t, s)

		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "other", g.wait), "the worker is free")
		<-g.entered
		for range 2 {
			require.NoError(t, r.Go(t.Context(), "fits", nothing), "and so is the whole queue")
		}
		require.ErrorIs(t, r.Go(t.Context(), "does-not", nothing), runner.ErrQueueFull)
		g.release()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		s = r.Stats()
		require.Zero(t, s.Depth)
		require.Zero(t, s.Places[runner.PlacePaused].Taken)
		require.Equal(t, uint64(1), s.Outcomes[runner.OutcomeError])
		requireBalanced(t, s)
	})
}

func TestADrainThatGivesUpCancelsWhatWaitsForItsNextAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return errBroken }, runner.RetryBackoff(2, every(time.Hour))))
		synctest.Wait()
		report := giveUp(t, r)
		require.Equal(t, runner.OutcomeCanceled, report.Lost[0].Outcome)
		err := only(t, rec, "it").Err()
		require.ErrorIs(t, err, runner.ErrShutdown)
		require.ErrorIs(t, err, errBroken, "it says why it had to be tried again")
		require.Zero(t, r.Stats().Places[runner.PlacePaused].Taken)
	})
}

func TestABackoffThatPanicsEndsItsCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		runs := 0
		fn := func(context.Context) error { runs++; return errBroken }
		require.NoError(t, r.Go(t.Context(), "it", fn, runner.RetryBackoff(3, func(int) time.Duration { panic("boom") })))
		drain(t, r)
		require.Equal(t, 1, runs)
		require.Equal(t, map[string][]runner.Outcome{"it": {runner.OutcomePanic}}, outcomes(rec))
		err := only(t, rec, "it").Err()
		require.ErrorContains(t, err, "boom")
		require.ErrorIs(t, err, errBroken)
		var panicked *runner.PanicError
		require.ErrorAs(t, err, &panicked)
		require.Contains(t, string(panicked.Stack), "TestABackoffThatPanicsEndsItsCallback")
	})
}

func TestTheResponseDelayOfALaterAttemptIsThatOfTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "it", func(context.Context) error { return errBroken }, runner.RetryBackoff(3, every(time.Hour))))
		time.Sleep(time.Second)
		release(nil)
		drain(t, r)
		it := only(t, rec, "it")
		require.Len(t, it.Started, 3)
		for _, s := range it.Started {
			require.Equal(t, time.Second, s.ResponseDelay())
			require.Zero(t, s.QueueWait())
		}
	})
}

func TestExponentialDoublesUpToItsLimitWithJitter(t *testing.T) {
	b := runner.Exponential(time.Second, 10*time.Second)
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 70: 10 * time.Second, 1 << 30: 10 * time.Second} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := b(n)
			require.GreaterOrEqual(t, d, want/2, n)
			require.LessOrEqual(t, d, want, n)
			seen[d] = true
		}
		require.Greater(t, len(seen), 10, "no two come back together")
	}
	require.Zero(t, runner.Exponential(0, 0)(1))
	require.LessOrEqual(t, runner.Exponential(time.Hour, time.Second)(1), time.Second)
}

func TestEachAttemptHasItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var parents []any
		r := newRunner(t, runner.Config{Timeout: time.Second, Observers: []runner.Observer{{
			Started: func(ctx context.Context, i runner.StartedInfo) context.Context {
				parents = append(parents, ctx.Value(key{}))
				return context.WithValue(ctx, key{}, i.Attempt)
			},
		}}})
		var seen []any
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
			seen = append(seen, ctx.Value(key{}))
			<-ctx.Done()
			return errors.New("again")
		}, runner.RetryBackoff(3, every(0))))
		drain(t, r)
		require.Equal(t, []any{1, 2, 3}, seen)
		require.Equal(t, []any{nil, nil, nil}, parents)
	})
}

// brokenError panics when it is looked into.
type brokenError struct{ cause error }

func (e *brokenError) Error() string { return "broken" }
func (e *brokenError) Unwrap() error { return e.cause } // panics on nil

func TestAnErrorWhoseMethodsPanicIsNotRetried(t *testing.T) {
	r, rec := recorded(t, runner.Config{})
	require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
		var none *brokenError
		return none
	}, runner.Retry(2)))
	drain(t, r)
	require.Equal(t, map[string][]runner.Outcome{"it": {runner.OutcomePanic}}, outcomes(rec))
}
