package tests

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// hostileObservers returns for each hook an observer whose hook calls harm, with
// the hook's name.
func hostileObservers(harm func()) map[string]runner.Observer {
	return map[string]runner.Observer{
		"WantsCaller":   {WantsCaller: func(context.Context) bool { harm(); return true }},
		"Folded":        {Folded: func(context.Context, runner.Callback) { harm() }},
		"Accepted":      {Accepted: func(context.Context, runner.AcceptedInfo) context.Context { harm(); return nil }},
		"Rejected":      {Rejected: func(context.Context, runner.RejectedInfo) { harm() }},
		"Started":       {Started: func(context.Context, runner.StartedInfo) context.Context { harm(); return nil }},
		"StartedLate":   {StartedLate: func(context.Context, runner.StartedInfo) { harm() }},
		"Stuck":         {Stuck: func(context.Context, runner.StuckInfo) { harm() }},
		"Retried":       {Retried: func(context.Context, runner.RetriedInfo) { harm() }},
		"Finished":      {Finished: func(context.Context, runner.FinishedInfo) { harm() }},
		"Failed":        {Failed: func(context.Context, runner.FinishedInfo) { harm() }},
		"TraceID":       {TraceID: func(context.Context) string { harm(); return "" }},
		"DrainStarted":  {DrainStarted: func(context.Context, runner.DrainInfo) context.Context { harm(); return nil }},
		"DrainFinished": {DrainFinished: func(context.Context, runner.Report) { harm() }},
	}
}

// everyHook has everything happen to callbacks of r that an observer can see, each
// asked for on a goroutine of its own. It takes an hour, in a bubble only.
func everyHook(t *testing.T, r *runner.Runner) {
	t.Helper()
	apart := func(ask func() error) {
		go func() {
			if err := ask(); err != nil && !errors.Is(err, runner.ErrQueueFull) && !errors.Is(err, runner.ErrStuck) && !errors.Is(err, errBroken) {
				t.Error(err)
			}
		}()
		synctest.Wait()
	}
	hangs := func(context.Context) error { time.Sleep(4 * time.Second); return errBroken }
	apart(func() error { return r.Go(t.Context(), "hangs", hangs, runner.RetryBackoff(2, every(0))) })
	apart(func() error { return r.Go(t.Context(), "late", nothing) })
	apart(func() error { return r.Do(t.Context(), "do", nothing) })
	apart(func() error { return r.Do(t.Context(), "do", hangs) })
	ctx, release := r.Scope(t.Context())
	apart(func() error {
		return runner.AfterAll(ctx, append(callsOf("a b"), runner.Call{Name: "gated", Func: nothing, Options: []runner.Option{runner.When(runner.Request.Succeeded)}})...)
	})
	apart(func() error { return runner.After(ctx, "once", nothing, runner.Once("k")) })
	apart(func() error { return runner.After(ctx, "once", nothing, runner.Once("k")) })
	for range 10 {
		apart(func() error { return r.Go(t.Context(), "rejected", nothing) })
	}
	release(nil)
	time.Sleep(time.Hour)
	synctest.Wait()
}

func TestAHookThatPanicsOrExitsHurtsNothing(t *testing.T) {
	for what, harm := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		for hook := range hostileObservers(harm) {
			t.Run(what+" in "+hook, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var harmed atomic.Int64
					var disarmed atomic.Bool
					bad := hostileObservers(func() {
						if !disarmed.Load() {
							harmed.Add(1)
							harm()
						}
					})[hook]
					r := newRunner(t, runner.Config{
						Workers: 1, Queue: 8, Timeout: time.Second, MaxNames: 1, Names: []string{"known"}, Observers: []runner.Observer{bad},
					})
					everyHook(t, r)
					inTheMiddle := harmed.Load()
					s := r.Snapshot()
					requireSnapshotBalanced(t, s)
					require.Zero(t, s.Pending(), "each callback has ended: %v", s.Stats)
					require.Zero(t, s.Depth)
					require.Zero(t, s.Busy+s.Stuck+s.Replaced)

					// One that works as ever, and one that is lost.
					disarmed.Store(hook != "TraceID" && hook != "DrainStarted" && hook != "DrainFinished")
					g := newGate(t)
					for range 2 {
						require.NoError(t, r.Go(t.Context(), "still", g.wait, runner.Timeout(-1)))
					}
					synctest.Wait()
					require.Equal(t, 1, r.Stats().Running, "the pool has its width")
					giveUp(t, r)
					require.Equal(t, 2, r.Stats().Lost)
					requireSnapshotBalanced(t, r.Snapshot())
					g.release()

					require.Positive(t, harmed.Load(), "the hook was called")
					if !disarmed.Load() {
						require.Zero(t, inTheMiddle)
					}
					if what == "panic" {
						require.Equal(t, uint64(harmed.Load()), r.Stats().ObserverPanics)
					} else {
						require.Zero(t, r.Stats().ObserverPanics)
					}
				})
			})
		}
	}
}

// Also when all of them do: those that follow in the list miss the event, and no
// more.
func TestEveryHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := hostileObservers(func() { panic("boom") })
		all := make([]runner.Observer, 0, len(bad))
		for _, o := range bad {
			all = append(all, o)
		}
		log := new(eventLog)
		r := newRunner(t, runner.Config{Workers: 1, Queue: 8, Timeout: time.Second, MaxNames: 1, Names: []string{"known"}, Observers: append(all, loggingObserver(log))})
		everyHook(t, r)
		drain(t, r)
		s := r.Snapshot()
		requireSnapshotBalanced(t, s)
		ends := uint64(0)
		for _, event := range log.all() {
			if event == "finished" || event == "rejected" {
				ends++
			}
		}
		require.Equal(t, s.Asked, ends, "the last observer has seen each end")
	})
}

// loggingObserver writes each event down.
func loggingObserver(log *eventLog) runner.Observer {
	return runner.Observer{
		Folded: func(context.Context, runner.Callback) { log.add("folded") },
		Accepted: func(context.Context, runner.AcceptedInfo) context.Context {
			log.add("accepted")
			return nil
		},
		Rejected: func(context.Context, runner.RejectedInfo) { log.add("rejected") },
		Started: func(context.Context, runner.StartedInfo) context.Context {
			log.add("started")
			return nil
		},
		StartedLate: func(context.Context, runner.StartedInfo) { log.add("late") },
		Stuck:       func(context.Context, runner.StuckInfo) { log.add("stuck") },
		Retried:     func(context.Context, runner.RetriedInfo) { log.add("retried") },
		Finished:    func(context.Context, runner.FinishedInfo) { log.add("finished") },
		Failed:      func(context.Context, runner.FinishedInfo) { log.add("failed") },
	}
}

// An observer exits the goroutine of an asker of several: all of them go on.
func TestGoexitInTheAcceptanceOfOneOfAfterAllLeavesNoneBehind(t *testing.T) {
	for _, at := range []string{"a", "b", "c"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ran eventLog
				r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
					Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
						if info.Name == at {
							runtime.Goexit()
						}
						return nil
					},
				}}})
				ctx, release := r.Scope(t.Context())
				var calls []runner.Call
				for _, name := range []string{"a", "b", "c"} {
					calls = append(calls, runner.Call{Name: name, Func: func(context.Context) error { ran.add(name); return nil }})
				}
				var asker sync.WaitGroup
				asker.Go(func() { _ = runner.AfterAll(ctx, calls...) })
				asker.Wait()
				synctest.Wait()
				require.Equal(t, 3, r.Stats().Reserved)
				release(nil)
				synctest.Wait()
				require.Equal(t, []string{"a", "b", "c"}, ran.all())
			})
		})
	}
}

// The goroutine that was to run it is gone, in Do even the caller's own.
func TestACallbackDoesNotRunAfterGoexitInItsStart(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *runner.Runner, func(context.Context) error) error{
		"Go": func(ctx context.Context, r *runner.Runner, fn func(context.Context) error) error {
			return r.Go(ctx, "it", fn, runner.RetryBackoff(3, every(0)))
		},
		"Do": func(ctx context.Context, r *runner.Runner, fn func(context.Context) error) error {
			return r.Do(ctx, "it", fn)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
					Started: func(context.Context, runner.StartedInfo) context.Context { runtime.Goexit(); return nil },
				}}})
				ran := false
				go func() { _ = ask(t.Context(), r, func(context.Context) error { ran = true; return nil }) }()
				synctest.Wait()
				require.False(t, ran)
				require.Equal(t, []runner.Outcome{runner.OutcomeError}, rec.Outcomes("it"))
				require.ErrorIs(t, only(t, rec, "it").Err(), runner.ErrGoexit)
				require.Empty(t, only(t, rec, "it").Retried)
				requireSnapshotBalanced(t, r.Snapshot())
			})
		})
	}
}
