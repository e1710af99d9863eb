package tests

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// aside is a kind of places where callbacks wait without a place of the queue, and a
// runner that has nine of them.
type aside struct {
	place  runner.Place
	full   error
	reason runner.Reason

	*runner.Runner
	rec *runnertest.Recorder

	ask func(name string) error // for a callback that waits there
}

// eachAside runs a test for each such kind, under each policy, in a bubble.
func eachAside(t *testing.T, policies []runner.Overflow, test func(t *testing.T, a aside)) {
	for _, overflow := range policies {
		for _, a := range []aside{
			{place: runner.PlaceReserved, full: runner.ErrReservedFull, reason: runner.ReasonReservedFull},
			{place: runner.PlaceHeld, full: runner.ErrHeldFull, reason: runner.ReasonHeldFull},
			{place: runner.PlacePaused, full: runner.ErrPausedFull, reason: runner.ReasonPausedFull},
		} {
			t.Run(a.place.String()+" "+overflow.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a.set(t, runner.Config{Workers: 5, Queue: 20, MaxReserved: 9, MaxHeld: 9, MaxPaused: 9, Overflow: overflow})
					test(t, a)
				})
			})
		}
	}
}

// set makes the runner, and what asks for a callback that waits.
func (a *aside) set(t *testing.T, cfg runner.Config) {
	t.Helper()
	if a.place == runner.PlaceHeld {
		cfg.Limits = map[string]int{"hog": 1, "other.hog": 1, "third": 1}
	}
	a.Runner, a.rec = recorded(t, cfg)
	g := newGate(t)
	for name := range cfg.Limits {
		require.NoError(t, a.Go(t.Context(), name, g.wait, runner.Timeout(-1)))
	}
	a.ask = func(name string) error {
		defer synctest.Wait()
		switch a.place {
		case runner.PlaceReserved:
			ctx, release := a.Scope(t.Context())
			t.Cleanup(func() { release(nil) })
			return runner.After(ctx, name, nothing)
		case runner.PlaceHeld:
			return a.Go(t.Context(), name, nothing)
		default:
			dead := func(context.Context) error { return errBroken } // its partner does not answer
			return a.Go(t.Context(), name, dead, runner.RetryBackoff(2, every(time.Minute)))
		}
	}
}

// accepted asks for callbacks of a name until one is rejected.
func (a *aside) accepted(t *testing.T, name string) (n int, err error) {
	t.Helper()
	for {
		if err = a.ask(name); err != nil {
			return n, err
		}
		n++
	}
}

func TestOneNameThatWaitsTakesNoMoreThanItLeavesFree(t *testing.T) {
	block := runner.Block(time.Second)
	eachAside(t, []runner.Overflow{runner.Reject, block, runner.DropOldest}, func(t *testing.T, a aside) {
		begin := time.Now()
		n, err := a.accepted(t, "hog")
		require.Equal(t, 5, n, "it took the fifth when as many were free as it had")
		require.Equal(t, runner.PlaceStats{Taken: 5, Limit: 9}, a.Stats().Places[a.place])
		require.ErrorIs(t, err, runner.ErrQueueFull)
		rejected := a.rec.Named("hog")[len(a.rec.Named("hog"))-1].Rejected
		require.ErrorIs(t, err, a.full)
		require.Equal(t, a.reason, rejected.Reason)
		require.Equal(t, uint64(1), a.Stats().Rejections[a.reason])
		require.Zero(t, time.Since(begin), "no policy waits for such a place")
		require.NoError(t, a.ask("third"), "another name finds a place where the first one waits")
		ran := false
		require.NoError(t, a.Go(t.Context(), "plain", func(context.Context) error { ran = true; return nil }))
		synctest.Wait()
		require.True(t, ran, "and others do not need one")
		require.Zero(t, a.Stats().Depth)
		require.Zero(t, time.Since(begin))
		require.Zero(t, a.Stats().Outcomes[runner.OutcomeDropped])
		requireSnapshotBalanced(t, a.Snapshot())
	})
}

func TestTwoNamesThatWaitLeaveAThirdItsPart(t *testing.T) {
	eachAside(t, []runner.Overflow{runner.Reject, runner.DropOldest}, func(t *testing.T, a aside) {
		var errs [2]error
		for errs[0] == nil || errs[1] == nil {
			errs[0], errs[1] = a.ask("hog"), a.ask("other.hog")
		}
		s := a.Snapshot()
		require.Equal(t, 3, countsOf(t, s, "hog").Places[a.place])
		require.Equal(t, 3, countsOf(t, s, "other.hog").Places[a.place])
		n, err := a.accepted(t, "third")
		require.ErrorIs(t, err, a.full)
		require.Equal(t, 2, n)
	})
}

// With Block, an asker waits for a place in the queue. It does not wait for another kind of place.
func TestBlockRejectsAtOnceAlsoWhileOthersWait(t *testing.T) {
	eachAside(t, []runner.Overflow{runner.Block(time.Hour)}, func(t *testing.T, a aside) {
		for range 5 {
			require.NoError(t, a.ask("hog"))
		}
		g := newGate(t)
		for a.Stats().Depth < 20 {
			require.NoError(t, a.Go(t.Context(), "busy", g.wait, runner.Timeout(-1)))
			synctest.Wait()
		}
		waiting := make(chan error, 1)
		go func() { waiting <- a.Go(t.Context(), "waits", nothing) }()
		synctest.Wait()
		require.Empty(t, waiting)

		begin := time.Now()
		require.ErrorIs(t, a.ask("hog"), a.full)
		require.Zero(t, time.Since(begin))
		g.release()
		require.NoError(t, <-waiting)
	})
}

func TestAnOpenResponseTakesNoPlaceOfOthers(t *testing.T) {
	for _, overflow := range []runner.Overflow{runner.Reject, runner.Block(time.Hour), runner.DropOldest} {
		t.Run(overflow.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{Workers: 1, Queue: 2, Overflow: overflow})
				occupy(t, r, "worker")
				begin := time.Now()
				for range 3 { // responses of two callbacks each: more than the queue holds
					ctx, release := r.Scope(t.Context())
					defer release(nil)
					require.NoError(t, runner.AfterAll(ctx, callsOf("open open")...))
				}
				require.NoError(t, r.Go(t.Context(), "other", nothing))
				require.NoError(t, r.Go(t.Context(), "other", nothing))
				require.Zero(t, time.Since(begin))
				require.Empty(t, outcomes(rec))
				s := r.Stats()
				require.Equal(t, runner.PlaceStats{Taken: 6, Limit: 16}, s.Places[runner.PlaceReserved])
				require.Equal(t, runner.PlaceStats{Taken: 2, Limit: 2}, s.Places[runner.PlaceQueued])
			})
		})
	}
}

func TestTheCallbacksOfOneOpenResponseMustFitIntoTheQueueTogether(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 2})
	occupy(t, r, "worker")
	require.NoError(t, r.Go(t.Context(), "waits", nothing))
	ctx, release := r.Scope(t.Context())
	defer release(nil)
	require.NoError(t, runner.After(ctx, "it", nothing))
	require.ErrorIs(t, runner.After(ctx, "it", nothing), runner.ErrQueueFull, "one waits and one will")
	other, releaseOther := r.Scope(t.Context())
	defer releaseOther(nil)
	require.NoError(t, runner.After(other, "it", nothing), "another response is not theirs")
}

func TestWhatWasAcceptedWhileItsResponseWasOpenIsNotRejectedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := recorded(t, runner.Config{Workers: 1, Queue: 2})
		g := occupy(t, r, "worker")
		var releases []func(error)
		for range 3 {
			ctx, release := r.Scope(t.Context())
			require.NoError(t, runner.AfterAll(ctx, callsOf("open open")...))
			defer release(nil)
			releases = append(releases, release)
		}
		for _, release := range releases {
			release(nil)
		}
		require.Equal(t, runner.PlaceStats{Taken: 6, Limit: 2}, r.Stats().Places[runner.PlaceQueued], "more than it has, for a moment")
		require.ErrorIs(t, r.Go(t.Context(), "other", nothing), runner.ErrQueueFull)
		g.release()
		synctest.Wait()
		require.Equal(t, uint64(7), r.Stats().Outcomes[runner.OutcomeSuccess])
		require.NoError(t, r.Go(t.Context(), "other", nothing))
	})
}

func TestTheErrorOfEachKindOfPlaceMatchesErrQueueFullAndHasItsReason(t *testing.T) {
	for reason, err := range map[runner.Reason]error{
		runner.ReasonReservedFull: runner.ErrReservedFull,
		runner.ReasonHeldFull:     runner.ErrHeldFull,
		runner.ReasonPausedFull:   runner.ErrPausedFull,
	} {
		require.ErrorIs(t, err, runner.ErrQueueFull)
		for other, otherErr := range map[runner.Reason]error{runner.ReasonReservedFull: runner.ErrReservedFull, runner.ReasonHeldFull: runner.ErrHeldFull, runner.ReasonPausedFull: runner.ErrPausedFull} {
			require.Equal(t, reason == other, errors.Is(err, otherErr))
		}
	}
	require.Equal(t, "reserved_full held_full paused_full", runner.ReasonReservedFull.String()+" "+runner.ReasonHeldFull.String()+" "+runner.ReasonPausedFull.String())
	names := ""
	for place := range runner.NumPlaces {
		text, err := place.MarshalText()
		require.NoError(t, err)
		names += string(text) + " "
	}
	require.Equal(t, "queued reserved held paused ", names)
	require.Equal(t, "Place(4)", runner.NumPlaces.String())
}
