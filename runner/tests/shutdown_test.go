package tests

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// obedient runs until its context ends.
func obedient(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestShutdownFinishesWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1})
		ctx, release := r.Scope(t.Context())
		slow := func(context.Context) error { time.Sleep(time.Second); return nil }
		require.NoError(t, runner.After(ctx, "reserved", slow))
		require.NoError(t, r.Go(t.Context(), "running", slow))
		require.NoError(t, r.Go(t.Context(), "queued", slow))
		time.AfterFunc(5*time.Second, func() { release(nil) }) // a handler that is still busy

		report := drain(t, r)
		require.Equal(t, 6*time.Second, report.Duration)
		require.Equal(t, 3, report.Pending)
		require.Equal(t, 3, report.Completed)
		require.Empty(t, report.Lost)
		require.Equal(t, []runner.Report{report}, rec.Drains())
		require.Equal(t, uint64(3), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

func TestShutdownReturnsOnTimeWhenACallbackIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 3, Timeout: -1})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "deaf", g.wait))
		require.NoError(t, r.Go(t.Context(), "obedient", obedient))
		require.NoError(t, r.Go(t.Context(), "finishes", func(ctx context.Context) error { <-ctx.Done(); return nil }))
		require.NoError(t, r.Go(t.Context(), "queued", nothing))
		scoped, release := r.Scope(t.Context())
		require.NoError(t, runner.After(scoped, "reserved", nothing))
		time.Sleep(time.Minute)

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		report, err := r.Shutdown(ctx)
		require.Equal(t, 10*time.Second, time.Since(begin))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "gave up, 4 lost")
		words := report.String()
		for i, l := range report.Lost {
			if l.Outcome == runner.OutcomeAbandoned {
				require.Contains(t, l.Stack, ".(*gate).wait\n\t")
				report.Lost[i].Stack = ""
			}
		}
		require.ElementsMatch(t, []runner.Lost{
			{Name: "deaf", Outcome: runner.OutcomeAbandoned, Age: 70 * time.Second, Ran: 70 * time.Second},
			{Name: "obedient", Outcome: runner.OutcomeCanceled, Age: 69 * time.Second, Ran: 69 * time.Second},
			{Name: "queued", Outcome: runner.OutcomeDropped, Age: 69 * time.Second},
			{Name: "reserved", Outcome: runner.OutcomeDropped, Age: 69 * time.Second},
		}, report.Lost)
		require.Equal(t, 5, report.Pending)
		require.Equal(t, 1, report.Completed)
		for _, line := range []string{"1 of 5 pending callbacks completed, 4 lost:", "\n  1 x deaf abandoned, the oldest asked for 1m10s ago and running for 1m10s, in github.com/afterglow-go/afterglow/runner/tests"} {
			require.Contains(t, words, line)
		}
		requireBalanced(t, r.Stats())
		require.Zero(t, r.Stats().Running)

		before := r.Stats()
		release(nil)
		g.release()
		synctest.Wait()
		require.Equal(t, before.Outcomes, r.Stats().Outcomes, "what is abandoned ends uncounted")
		require.Len(t, rec.All(), 5)
		for _, c := range rec.All() {
			require.GreaterOrEqual(t, c.Finished.ResponseDelay(), time.Duration(0))
			require.GreaterOrEqual(t, c.Finished.QueueWait(), time.Duration(0))
		}
	})
}

func TestADrainThatGivesUpStartsNothingMore(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 2, Timeout: -1})
			for range 2 {
				require.NoError(t, r.Go(t.Context(), "obedient", obedient))
			}
			synctest.Wait()
			for range 5 {
				require.NoError(t, r.Go(t.Context(), "queued", nothing))
			}
			giveUp(t, r)
			require.Equal(t, uint64(5), r.Stats().Outcomes[runner.OutcomeDropped])
			require.Equal(t, uint64(2), r.Stats().Outcomes[runner.OutcomeCanceled])
		})
	}
}

func TestShutdownCancelsAtOnceWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2, Timeout: -1})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "deaf", g.wait))
		require.NoError(t, r.Go(t.Context(), "obedient", obedient))
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBroken)
		synctest.Wait()
		begin := time.Now()
		report, err := r.Shutdown(ctx)
		require.Equal(t, 50*time.Millisecond, time.Since(begin))
		require.ErrorIs(t, err, errBroken)
		require.Len(t, report.Lost, 2)
		require.Equal(t, uint64(1), r.Stats().Outcomes[runner.OutcomeCanceled])
		require.Equal(t, uint64(1), r.Stats().Outcomes[runner.OutcomeAbandoned])
	})
}

func TestEveryCallOfShutdownReturnsTheSameResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "it", g.wait))
		var wg sync.WaitGroup
		reports := make([]runner.Report, 3)
		for i := range reports {
			wg.Go(func() { reports[i], _ = r.Shutdown(t.Context()) })
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded, "an impatient one goes, and changes nothing")

		g.release()
		wg.Wait()
		require.Equal(t, 1, reports[0].Completed)
		require.Equal(t, reports[0], reports[1])
		require.Equal(t, reports[0], reports[2])
		again := drain(t, r)
		require.Equal(t, reports[0], again)
		require.Equal(t, reports[:1], rec.Drains())
	})
}

func TestAFurtherShutdownReturnsTheResultEvenIfItsContextHasEnded(t *testing.T) {
	r := newRunner(t, runner.Config{})
	want := drain(t, r)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		got, err := r.Shutdown(over)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestShutdownReturnsSoonAfterItsDeadlineWhenAnObserverBlocks(t *testing.T) {
	for _, where := range []string{"worker", "drain"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				block := make(chan struct{})
				r, err := runner.New(runner.Config{Workers: 1, Timeout: -1, Observers: []runner.Observer{{
					Finished: func(context.Context, runner.FinishedInfo) { <-block },
				}}})
				require.NoError(t, err)
				g := occupy(t, r, "it")
				if where == "worker" {
					g.release()
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				begin := time.Now()
				_, _ = r.Shutdown(ctx)
				require.LessOrEqual(t, time.Since(begin), 1100*time.Millisecond)
				close(block)
			})
		})
	}
}

func TestWhatADrainLostIsNotHeldOnTo(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1})
	freed := make(chan struct{})
	func() {
		payload := new([1 << 20]byte)
		runtime.AddCleanup(payload, func(struct{}) { close(freed) }, struct{}{})
		ctx, _ := r.Scope(context.Background())
		require.NoError(t, runner.After(ctx, "it", func(context.Context) error { payload[0] = 1; return nil }))
	}()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Shutdown(over)
	require.Error(t, err)
	requireCollected(t, freed)
	runtime.KeepAlive(r)
}

func TestTheContextOfALostCallbackKeepsNoOtherCallback(t *testing.T) {
	type key struct{}
	r := newRunner(t, runner.Config{Workers: 2, Observers: []runner.Observer{{Finished: func(context.Context, runner.FinishedInfo) {}}}})
	g := newGate(t)
	var kept context.Context
	require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { kept = ctx; return g.wait(ctx) }))
	<-g.entered
	freed := make(chan struct{})
	func() {
		payload := new([1 << 20]byte)
		runtime.AddCleanup(payload, func(struct{}) { close(freed) }, struct{}{})
		require.NoError(t, r.Go(context.WithValue(t.Context(), key{}, payload), "other", g.wait))
	}()
	<-g.entered
	over, cancel := context.WithCancel(t.Context())
	cancel()
	report, _ := r.Shutdown(over)
	require.Len(t, report.Lost, 2)
	g.release()
	requireCollected(t, freed)
	runtime.KeepAlive(kept)
}

func TestShutdownOfAnIdleRunnerReturnsAtOnce(t *testing.T) {
	r := newRunner(t, runner.Config{})
	report := drain(t, r)
	require.Contains(t, report.String(), "0 of 0 pending callbacks completed, nothing lost")
}

func TestShutdownReturnsAfterTheLastFinishedWasObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var observed atomic.Bool
		r := newRunner(t, runner.Config{Observers: []runner.Observer{{
			Finished: func(context.Context, runner.FinishedInfo) { time.Sleep(time.Second); observed.Store(true) },
		}}})
		require.NoError(t, r.Go(t.Context(), "it", nothing))
		drain(t, r)
		require.True(t, observed.Load())
	})
}

// The drain gives up while observers are at work on a callback: the books are
// closed in time, and Finished still comes after Accepted and Started.
func TestFinishedNeverOvertakesAnObserverUnderWay(t *testing.T) {
	for _, during := range []string{"Accepted", "Started"} {
		t.Run(during, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var order []string
				linger := func(event string) {
					if event == during {
						time.Sleep(time.Minute)
					}
					order = append(order, event)
				}
				r := newRunner(t, runner.Config{Observers: []runner.Observer{{
					Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context { linger("Accepted"); return ctx },
					Started:  func(ctx context.Context, _ runner.StartedInfo) context.Context { linger("Started"); return ctx },
					Finished: func(_ context.Context, i runner.FinishedInfo) { linger("Finished as " + i.Outcome.String()) },
				}}})
				go func() {
					_ = r.Go(t.Context(), "it", func(context.Context) error { order = append(order, "ran"); return nil })
				}()
				synctest.Wait()
				report := giveUp(t, r)
				require.Len(t, report.Lost, 1)
				requireBalanced(t, r.Stats())
				time.Sleep(time.Hour)
				synctest.Wait()
				want := []string{"Accepted", "Finished as dropped"}
				if during == "Started" {
					want = []string{"Accepted", "Started", "Finished as abandoned"}
				}
				require.Equal(t, want, order)
			})
		})
	}
}

func TestOnlyAnAbandonedCallbackHasAStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 2})
		occupied := newGate(t)
		require.NoError(t, r.Go(t.Context(), "deaf", occupied.wait))
		require.NoError(t, r.Go(t.Context(), "heeds", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond)
			return ctx.Err()
		}))
		synctest.Wait()
		giveUp(t, r)
		require.NotEmpty(t, only(t, rec, "deaf").Finished.Stack)
		require.Equal(t, runner.OutcomeCanceled, only(t, rec, "heeds").Finished.Outcome)
		require.Empty(t, only(t, rec, "heeds").Finished.Stack)
	})
}
