package runnertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestTheRecorderTellsEachWayOfACallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Workers: 2, Queue: 4, Timeout: time.Second}, runnertest.FailOn())
		backoff := func(int) time.Duration { return time.Minute }
		var rejected error
		runIn(rt, func(ctx context.Context) {
			must(t, runner.After(ctx, "good", nothing))
			must(t, runner.After(ctx, "bad", func(context.Context) error { return errBroken }, runner.RetryBackoff(2, backoff)))
			must(t, runner.After(ctx, "late", func(context.Context) error { time.Sleep(4 * time.Second); return nil }))
			must(t, runner.After(ctx, "panics", func(context.Context) error { panic("boom") }))
			rejected = runner.After(ctx, "rejected", nothing)
		})
		rec := rt.Recorder

		var lines []string
		for _, c := range rec.All() {
			lines = append(lines, c.String())
		}
		equal(t, lines,
			"good: success",
			"bad: error in 2 attempts: broken",
			"late: success",
			"panics: panic: runner: callback panicked: boom",
			"rejected: rejected: "+rejected.Error(),
		)
		bad := rec.Named("bad")[0]
		if len(bad.Started) != 2 || len(bad.Retried) != 1 || bad.Retried[0].Wait != time.Minute || !errors.Is(bad.Err(), errBroken) {
			t.Errorf("%+v", bad)
		}
		late := rec.Named("late")[0]
		if len(late.Stuck) != 1 || !strings.Contains(late.Stuck[0].Stack, "recorder_test.go") || !late.Finished.Stuck {
			t.Errorf("%+v", late)
		}
		equal(t, rec.Outcomes("rejected"), runner.OutcomeRejected)
		equal(t, rec.Outcomes("never asked for"))
		if c := rec.Named("rejected")[0]; c.Accepted != nil || !errors.Is(c.Err(), runner.ErrQueueFull) {
			t.Errorf("%+v", c)
		}
	})
}

func TestACallbackSaysWhereItIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Timeout: time.Second})
		ctx, release := rt.Scope(t.Context())
		must(t, runner.After(ctx, "a", func(context.Context) error {
			time.Sleep(5 * time.Second)
			return errBroken
		}, runner.RetryBackoff(2, func(int) time.Duration { return time.Second })))
		var states []string
		note := func() {
			synctest.Wait()
			c := rt.Recorder.Named("a")[0]
			states = append(states, c.String())
			if _, ok := c.Outcome(); ok {
				t.Error(c, "has an outcome")
			}
		}
		note()
		release(nil)
		note()
		time.Sleep(3 * time.Second)
		note()
		time.Sleep(2500 * time.Millisecond)
		note()
		time.Sleep(time.Second)
		note()
		rt.WaitIdle()
		equal(t, states, "a: not started", "a: running", "a: stuck", "a: waiting for its next attempt", "a: running in 2 attempts")
	})
}

func TestWhatARecorderHasToldDoesNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		must(t, rt.Go(t.Context(), "a", func(context.Context) error { time.Sleep(time.Second); return nil }))
		synctest.Wait()
		before := rt.Recorder.All()[0]
		rt.WaitIdle()
		if before.Finished != nil || rt.Recorder.All()[0].Finished == nil {
			t.Error(before)
		}
	})
}

func TestARecorderWorksWithAnyRunner(t *testing.T) {
	both(t, func(t *testing.T) {
		var rec, second runnertest.Recorder
		r, err := runner.New(runner.Config{Observers: []runner.Observer{rec.Observer(), second.Observer()}})
		must(t, err)
		for range 100 {
			must(t, r.Go(t.Context(), "a", func(ctx context.Context) error { return r.Go(ctx, "nested", nothing) }))
		}
		must(t, rec.Wait(t.Context()))
		if n, m := len(rec.Outcomes("a")), len(rec.Outcomes("nested")); n != 100 || m != 100 {
			t.Error(n, m)
		}
		must(t, second.Wait(t.Context()))
		_, err = r.Shutdown(t.Context())
		must(t, err)
		must(t, rec.Wait(t.Context()))
	})
}

func TestARecordersWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		must(t, rt.Go(t.Context(), "a", func(context.Context) error { time.Sleep(3 * time.Second); return nil }))
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBroken)
		defer cancel()
		if err := rt.Recorder.Wait(ctx); !errors.Is(err, errBroken) {
			t.Error(err)
		}
	})
}

func TestARecorderHasTheReportOfEachDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Name: "first"})
		second, err := runner.New(runner.Config{Name: "second", Observers: []runner.Observer{rt.Recorder.Observer()}})
		must(t, err)
		must(t, rt.Go(t.Context(), "a", func(context.Context) error { time.Sleep(time.Second); return nil }))
		equal(t, runnersOf(rt.Recorder.Drains()))
		for _, r := range []*runner.Runner{rt.Runner, second, rt.Runner} {
			_, err := r.Shutdown(t.Context())
			must(t, err)
		}
		drains := rt.Recorder.Drains()
		equal(t, runnersOf(drains), "first", "second")
		if drains[0].Completed != 1 || drains[0].Duration != time.Second {
			t.Errorf("%+v", drains[0])
		}
	})
}

func runnersOf(reports []runner.Report) []string {
	var names []string
	for _, r := range reports {
		names = append(names, r.Runner)
	}
	return names
}

func TestARecorderThatIsAnObserverTwiceIsFoundOut(t *testing.T) {
	var rec runnertest.Recorder
	r, err := runner.New(runner.Config{Observers: []runner.Observer{rec.Observer(), rec.Observer()}})
	must(t, err)
	must(t, r.Go(t.Context(), "good", nothing))
	must(t, r.Go(t.Context(), "bad", func(context.Context) error { return errBroken }))
	_, err = r.Shutdown(t.Context())
	must(t, err)
	if n := r.Stats().ObserverPanics; n != 2 {
		t.Error(n)
	}
}
