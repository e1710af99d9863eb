package tests

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestTheNextAttemptWaitsUntilTheLastOneWasToldToBeStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string // each is noted when its observer returns
		r := newRunner(t, runner.Config{Workers: 2, Timeout: time.Second, Observers: []runner.Observer{{
			Started: func(context.Context, runner.StartedInfo) context.Context {
				events = append(events, "started")
				return nil
			},
			Stuck: func(context.Context, runner.StuckInfo) {
				time.Sleep(time.Minute) // in a bubble only: the attempt ends meanwhile
				events = append(events, "stuck")
			},
			Retried: func(_ context.Context, info runner.RetriedInfo) {
				if info.Stuck {
					events = append(events, "retried")
				}
			},
			Finished: func(context.Context, runner.FinishedInfo) { events = append(events, "finished") },
		}}})
		attempts := 0
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
			if attempts++; attempts == 2 {
				return nil
			}
			time.Sleep(10 * time.Second) // in a bubble only: it ignores its context
			return errBroken
		}, runner.RetryBackoff(2, every(0))))
		drain(t, r)
		require.Equal(t, []string{"started", "stuck", "retried", "started", "finished"}, events)
	})
}

// cancelWhileItWaits shuts r down between two attempts, in a bubble only.
func cancelWhileItWaits(t *testing.T, r *runner.Runner) {
	t.Helper()
	time.Sleep(10 * time.Second)
	require.Zero(t, giveUp(t, r).Lost[0].Ran)
}

// cancelOnceItIsDueAgain makes the next attempt due while the one worker is
// taken, and shuts r down then, in a bubble only.
func cancelOnceItIsDueAgain(t *testing.T, r *runner.Runner) {
	t.Helper()
	time.Sleep(5 * time.Second)
	g := newGate(t)
	defer g.release()
	require.NoError(t, r.Go(t.Context(), "busy", g.wait, runner.Timeout(-1)))
	time.Sleep(time.Minute)
	require.Zero(t, r.Stats().Paused)
	require.Zero(t, giveUp(t, r).Lost[0].Ran)
}

func TestWhatEndsBetweenTwoAttemptsDoesNotCountAnAttemptTwice(t *testing.T) {
	end := map[string]struct {
		how  func(*testing.T, *runner.Runner)
		want runner.Outcome
	}{
		"canceled while it waits":       {cancelWhileItWaits, runner.OutcomeCanceled},
		"canceled once it is due again": {cancelOnceItIsDueAgain, runner.OutcomeCanceled},
	}
	for name, c := range end {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ended []runner.FinishedInfo
				r := newRunner(t, runner.Config{Workers: 1, Queue: 2, Timeout: time.Second, Observers: []runner.Observer{{
					Finished: func(_ context.Context, info runner.FinishedInfo) {
						if info.Name == "it" {
							ended = append(ended, info)
						}
					},
				}}})
				require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
					time.Sleep(4 * time.Second) // in a bubble only: it gets stuck
					return errBroken
				}, runner.RetryBackoff(2, every(time.Minute))))
				c.how(t, r)
				require.Len(t, ended, 1)
				require.Equal(t, c.want, ended[0].Outcome)
				require.Equal(t, 1, ended[0].Attempt)
				require.False(t, ended[0].Stuck, "Retried has told it")
				require.Zero(t, ended[0].Started)
				require.Zero(t, ended[0].Duration())
				require.Zero(t, ended[0].QueueWait())
				requireBalanced(t, r.Stats())
			})
		})
	}
}

// A callback that has run was not dropped: nobody may take it for one that can be
// asked for again without a trace of its first attempt.
func TestWhatADrainGivesUpAfterAnAttemptIsCanceledAndNotDropped(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   runner.Config
		waits runner.Place
	}{
		"while it waits for a worker":    {runner.Config{Workers: 1, Queue: 2}, runner.PlacePaused},
		"while it waits for its share":   {runner.Config{Workers: 2, Queue: 2, Limits: map[string]int{"it": 1}}, runner.PlaceHeld},
		"under DropOldest for a worker":  {runner.Config{Workers: 1, Queue: 2, Overflow: runner.DropOldest}, runner.PlacePaused},
		"under DropOldest for its share": {runner.Config{Workers: 2, Queue: 2, Overflow: runner.DropOldest, Limits: map[string]int{"it": 1}}, runner.PlaceHeld},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, c.cfg)
				require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return errBroken }, runner.RetryBackoff(3, every(time.Second))))
				synctest.Wait()
				g := newGate(t)
				for range c.cfg.Workers {
					require.NoError(t, r.Go(t.Context(), "it", g.wait, runner.Timeout(-1)))
					synctest.Wait()
				}
				time.Sleep(2 * time.Second)
				require.Zero(t, r.Stats().Paused, "its next attempt is due")
				require.Empty(t, rec.Outcomes("it"))
				require.Positive(t, r.Stats().Places[c.waits].Taken)
				giveUp(t, r)

				it := rec.Named("it")[0]
				require.Len(t, it.Started, 1)
				require.Equal(t, runner.OutcomeCanceled, it.Finished.Outcome)
				require.ErrorIs(t, it.Finished.Err, runner.ErrShutdown)
				require.ErrorIs(t, it.Finished.Err, errBroken, "it says why it had to be tried again")
				counts := countsOf(t, r.Snapshot(), "it")
				require.Equal(t, uint64(1), counts.Outcomes[runner.OutcomeCanceled])
				require.Equal(t, uint64(1), counts.Retries)
				require.Equal(t, uint64(1), counts.Failure.Count()-counts.Outcomes[runner.OutcomeAbandoned], "its one attempt")
				requireSnapshotBalanced(t, r.Snapshot())
				g.release()
			})
		})
	}
}

// Its first attempt has cost something, and the partner may have seen it: to drop the
// newest instead would be no better, so the place of a later attempt is bounded when it
// is asked for.
func TestDropOldestNeverEvictsALaterAttempt(t *testing.T) {
	for name, cfg := range map[string]runner.Config{
		"that waits for a worker":    {Workers: 1, Queue: 2, Overflow: runner.DropOldest},
		"that waits for its share":   {Workers: 2, Queue: 2, Overflow: runner.DropOldest, Limits: map[string]int{"it": 1}},
		"that waits between the two": {Workers: 1, Queue: 2, Overflow: runner.DropOldest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, cfg)
				backoff := time.Second
				if name == "that waits between the two" {
					backoff = time.Hour
				}
				require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return errBroken }, runner.RetryBackoff(2, every(backoff))))
				synctest.Wait()
				g := newGate(t)
				require.NoError(t, r.Go(t.Context(), "it", g.wait, runner.Timeout(-1)))
				if cfg.Workers > 1 {
					require.NoError(t, r.Go(t.Context(), "busy", g.wait, runner.Timeout(-1)))
				}
				time.Sleep(2 * time.Second)
				for range 5 {
					require.NoError(t, r.Go(t.Context(), "newer", nothing))
				}
				require.Empty(t, rec.Outcomes("it"))
				dropped := runner.OutcomeDropped
				require.Equal(t, []runner.Outcome{dropped, dropped, dropped}, rec.Outcomes("newer"), "the oldest of the first attempts")
				requireSnapshotBalanced(t, r.Snapshot())
				g.release()
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				require.Equal(t, runner.OutcomeError, rec.Named("it")[0].Finished.Outcome)
				require.Len(t, rec.Named("it")[0].Started, 2)
			})
		})
	}
}

// exiting is an error whose Is method ends the goroutine.
type exiting struct{}

func (exiting) Error() string { return "exiting" }
func (exiting) Is(error) bool { runtime.Goexit(); return false }

func TestGoexitInWhatDecidesAboutAnotherAttemptEndsTheCallback(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		backoff runner.Backoff
	}{
		"backoff":        {errBroken, func(int) time.Duration { runtime.Goexit(); return 0 }},
		"error's method": {exiting{}, every(0)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Limits: map[string]int{"it": 1}})
				runs := 0
				for range 3 {
					require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { runs++; return c.err }, runner.RetryBackoff(3, c.backoff)))
					synctest.Wait()
				}
				require.Equal(t, 3, runs)
				s := r.Stats()
				require.Equal(t, uint64(3), s.Outcomes[runner.OutcomeError])
				require.Zero(t, s.Depth)
				require.Zero(t, s.Busy)
				drain(t, r)
			})
		})
	}
}
