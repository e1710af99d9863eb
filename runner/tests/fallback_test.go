package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// unseen is an event that the default logger records if no observer sees it.
type unseen struct {
	msg     string
	cause   func(t *testing.T, r *runner.Runner, name string)
	sees    runner.Observer
	outcome string
	err     string
	stack   string
}

// level is that of the records of the event.
func (u unseen) level() string {
	if u.outcome == "timeout" || u.msg == "afterglow: callback rejected" {
		return "WARN"
	}
	return "ERROR"
}

func failsWith(fn func(context.Context) error) func(*testing.T, *runner.Runner, string) {
	return func(t *testing.T, r *runner.Runner, name string) {
		t.Helper()
		require.NoError(t, r.Go(t.Context(), name, fn))
	}
}

var (
	seesFinished = runner.Observer{Finished: func(context.Context, runner.FinishedInfo) {}}
	seesFailed   = runner.Observer{Failed: func(context.Context, runner.FinishedInfo) {}}
	seesRejected = runner.Observer{Rejected: func(context.Context, runner.RejectedInfo) {}}
	seesStuck    = runner.Observer{Stuck: func(context.Context, runner.StuckInfo) {}}
)

// unseens are the events by name. They are caused in a bubble only, of a runner with one
// worker for each of five, and a queue of one place.
var unseens = map[string]unseen{
	"error": {
		msg: "afterglow: callback failed", outcome: "error", err: "broken", sees: seesFailed,
		cause: failsWith(func(context.Context) error { return errBroken }),
	},
	"panic": {
		msg: "afterglow: callback failed", outcome: "panic", err: "runner: callback panicked: boom", stack: "panicHere", sees: seesFinished,
		cause: failsWith(func(context.Context) error { return panicHere() }),
	},
	"timeout": {
		msg: "afterglow: callback failed", outcome: "timeout", err: "context deadline exceeded", sees: seesFailed,
		cause: func(t *testing.T, r *runner.Runner, name string) {
			t.Helper()
			fn := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			require.NoError(t, r.Go(t.Context(), name, fn, runner.Timeout(time.Millisecond)))
		},
	},
	"rejection": {
		msg: "afterglow: callback rejected", err: runner.ErrQueueFull.Error(), sees: seesRejected,
		cause: func(t *testing.T, r *runner.Runner, name string) {
			t.Helper()
			ctx, release := r.Scope(t.Context())
			defer release(nil)
			require.ErrorIs(t, runner.AfterAll(ctx, runner.Call{Name: name, Func: nothing}, runner.Call{Name: name, Func: nothing}), runner.ErrQueueFull)
		},
	},
	"stuck": {
		msg: "afterglow: callback stuck: it ignores its context", stack: "sleepHere", sees: seesStuck,
		cause: func(t *testing.T, r *runner.Runner, name string) {
			t.Helper()
			require.NoError(t, r.Go(t.Context(), name, func(context.Context) error { return sleepHere() }, runner.Timeout(time.Millisecond)))
		},
	},
}

//go:noinline
func panicHere() error { panic("boom") }

// sleepHere is called in a bubble only.
//
//go:noinline
func sleepHere() error { time.Sleep(3 * time.Second); return nil }

// causeUnseen causes an event and waits until it has been seen. It is called in a bubble only.
func causeUnseen(t *testing.T, r *runner.Runner, u unseen, name string) {
	t.Helper()
	u.cause(t, r, name)
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func TestWhatNoObserverSeesIsOneRecordOfTheDefaultLogger(t *testing.T) {
	for name, u := range unseens {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				records := captureLog(t)
				r := newRunner(t, runner.Config{Name: "shop", Workers: 5, Queue: 1, StuckAfter: time.Second})
				causeUnseen(t, r, u, "order.email")
				all := records()
				require.NotEmpty(t, all)
				require.Equal(t, u.level(), all[0].Level)
				require.Equal(t, u.msg, all[0].Msg)
				require.Equal(t, "shop", all[0].Runner)
				require.Equal(t, "order.email", all[0].Callback)
				require.Equal(t, u.outcome, all[0].Outcome)
				require.Contains(t, all[0].Error, u.err)
				require.Contains(t, all[0].Stack, u.stack)
				require.Equal(t, u.stack != "", all[0].Stack != "")
				require.Zero(t, all[0].Suppressed)
				require.Regexp(t, `^github\.com/.*/runner/tests\.\S+ \(/.*\.go:\d+\)$`, all[0].Function)
			})
		})
	}
}

func TestTheNextOnesOfTheSameNameAreCountedForTenSeconds(t *testing.T) {
	for name, u := range unseens {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				records := captureLog(t)
				r := newRunner(t, runner.Config{Workers: 5, Queue: 1, StuckAfter: time.Second})
				named := func(name string) (of []logged) {
					for _, l := range records() {
						if l.Callback == name && l.Msg == u.msg {
							of = append(of, l)
						}
					}
					return of
				}
				causeUnseen(t, r, u, "it")
				for range 3 {
					causeUnseen(t, r, u, "it")
				}
				require.Len(t, named("it"), 1)
				causeUnseen(t, r, u, "other")
				require.Len(t, named("other"), 1, "another name is not kept back")
				time.Sleep(10 * time.Second)
				causeUnseen(t, r, u, "it")
				all := named("it")
				require.Len(t, all, 2)
				held := 3
				if name == "rejection" { // of two calls each
					held = 7
				}
				require.Equal(t, held, all[1].Suppressed)
			})
		})
	}
}

func TestWhatAnObserverSeesIsNotLoggedToo(t *testing.T) {
	for name, u := range unseens {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				records := captureLog(t)
				r := newRunner(t, runner.Config{Workers: 5, Queue: 1, StuckAfter: time.Second, Observers: []runner.Observer{{}, u.sees}})
				causeUnseen(t, r, u, "it")
				for _, l := range records() {
					require.NotEqual(t, u.msg, l.Msg)
				}
				for other, v := range unseens {
					if v.msg == u.msg {
						continue
					}
					causeUnseen(t, r, v, other)
					all := records()
					require.Equal(t, v.msg, all[len(all)-1].Msg, "%s is seen by nobody", other)
				}
			})
		})
	}
}

func TestWhatIsNoFailureIsNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := captureLog(t)
		r := newRunner(t, runner.Config{Workers: 1})
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "success", nothing))
		require.NoError(t, runner.After(ctx, "skipped", nothing, runner.When(func(runner.Request) bool { return false })))
		for range 2 {
			require.NoError(t, runner.After(ctx, "coalesced", nothing, runner.Once("")))
		}
		tries := 0
		require.NoError(t, runner.After(ctx, "retried", func(context.Context) error {
			if tries++; tries == 1 {
				return errBroken
			}
			return nil
		}, runner.Retry(2)))
		release(nil)
		drain(t, r)
		require.Empty(t, records())
	})
}

// A program that makes names of what users send must not fill the memory of its log.
func TestTheNamesBeyondMaxNamesShareTheirRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := captureLog(t)
		r := newRunner(t, runner.Config{Workers: 1, MaxNames: 1})
		for _, name := range []string{"known", "x.1", "x.2", "x.3"} {
			causeUnseen(t, r, unseens["error"], name)
		}
		var names []string
		for _, l := range records() {
			names = append(names, l.Callback)
		}
		require.Equal(t, []string{"known", "x.1"}, names)
	})
}

func TestADrainSaysHowManyRecordsWereLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := captureLog(t)
		r := newRunner(t, runner.Config{Name: "shop"})
		for range 5 {
			require.NoError(t, r.Go(t.Context(), "order.webhook", func(context.Context) error { return errBroken }, runner.Ref("order 7")))
		}
		drain(t, r)
		all := records()
		require.Len(t, all, 2)
		require.Equal(t, "order 7", all[0].Ref)
		require.Equal(t, "afterglow: records were left out", all[1].Msg)
		require.Equal(t, "order.webhook", all[1].Callback)
		require.Equal(t, 4, all[1].Suppressed)
	})
}
