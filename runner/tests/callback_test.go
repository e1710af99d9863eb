package tests

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestEachWayToEndHasItsOutcomeAndError(t *testing.T) {
	tests := []struct {
		name    string
		fn      func(context.Context) error
		outcome runner.Outcome
		err     func(*testing.T, error)
	}{
		{"nil", nothing, runner.OutcomeSuccess, func(t *testing.T, err error) { require.NoError(t, err) }},
		{
			"error", func(context.Context) error { return errBroken }, runner.OutcomeError,
			func(t *testing.T, err error) { require.ErrorIs(t, err, errBroken) },
		},
		{
			"panic", func(context.Context) error { panic("boom") }, runner.OutcomePanic,
			func(t *testing.T, err error) {
				var p *runner.PanicError
				require.ErrorAs(t, err, &p)
				require.Equal(t, "boom", p.Value)
				require.Contains(t, string(p.Stack), "callback_test.go")
			},
		},
		{
			"panic with an error", func(context.Context) error { panic(errBroken) }, runner.OutcomePanic,
			func(t *testing.T, err error) { require.ErrorIs(t, err, errBroken) },
		},
		{
			"nil map write", func(context.Context) error {
				var m map[string]int
				m["x"] = 1 //nolint:govet,staticcheck // the very fault that is tried here
				return nil
			}, runner.OutcomePanic,
			func(t *testing.T, err error) { require.ErrorContains(t, err, "assignment to entry in nil map") },
		},
		{
			"Goexit", func(context.Context) error { runtime.Goexit(); return nil }, runner.OutcomeError,
			func(t *testing.T, err error) { require.ErrorIs(t, err, runner.ErrGoexit) },
		},
		{
			"a foreign PanicError", func(context.Context) error { return &runner.PanicError{Value: "theirs"} }, runner.OutcomeError,
			func(t *testing.T, err error) { require.ErrorContains(t, err, "theirs") },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, rec := recorded(t, runner.Config{Workers: 1})
			require.NoError(t, r.Go(t.Context(), "it", tt.fn))
			require.NoError(t, r.Go(t.Context(), "bystander", nothing))
			drain(t, r)

			require.Equal(t, map[string][]runner.Outcome{"it": {tt.outcome}, "bystander": {runner.OutcomeSuccess}}, outcomes(rec))
			tt.err(t, only(t, rec, "it").Err())
			require.Equal(t, uint64(2), r.Stats().Outcomes.Total())
		})
	}
}

func TestGoexitCostsNoWorker(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 2, Queue: 100})
	for range 50 {
		require.NoError(t, r.Go(t.Context(), "goexit", func(context.Context) error { runtime.Goexit(); return nil }))
	}
	g := newGate(t)
	for range 2 {
		require.NoError(t, r.Go(t.Context(), "both", g.wait))
	}
	<-g.entered // both workers are there
	<-g.entered
	g.release()
	drain(t, r)
	require.Equal(t, uint64(50), r.Stats().Outcomes[runner.OutcomeError])
}

func TestContextKeepsTheValuesAndDropsTheCancellation(t *testing.T) {
	type key struct{}
	r := newRunner(t, runner.Config{})
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "kept"))
	scoped, release := r.Scope(ctx)
	ran := make(chan struct{})
	require.NoError(t, runner.After(scoped, "it", func(ctx context.Context) error {
		defer close(ran)
		if ctx.Value(key{}) != "kept" {
			t.Errorf("the value is %v", ctx.Value(key{}))
		}
		if ctx.Err() != nil {
			t.Errorf("the context has ended: %v", ctx.Err())
		}
		return nil
	}))
	cancel()
	release(nil)
	<-ran
}

func TestTimeoutCancelsTheContextAndIsItsCause(t *testing.T) {
	tests := []struct {
		name    string
		cfg     time.Duration
		opts    []runner.Option
		want    time.Duration // 0: no deadline
		outcome runner.Outcome
	}{
		{"default", 0, nil, 30 * time.Second, runner.OutcomeTimeout},
		{"of the runner", 2 * time.Second, nil, 2 * time.Second, runner.OutcomeTimeout},
		{"of the callback", 2 * time.Second, []runner.Option{runner.Timeout(5 * time.Second)}, 5 * time.Second, runner.OutcomeTimeout},
		{"0 of the callback", 2 * time.Second, []runner.Option{runner.Timeout(0)}, 2 * time.Second, runner.OutcomeTimeout},
		{"none", -1, nil, 0, runner.OutcomeError},
		{"none for the callback", 2 * time.Second, []runner.Option{runner.Timeout(-1)}, 0, runner.OutcomeError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := recorded(t, runner.Config{Timeout: tt.cfg})
				begin := time.Now()
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
					_, has := ctx.Deadline()
					if has != (tt.want > 0) {
						t.Errorf("has a deadline: %v", has)
					}
					select {
					case <-ctx.Done():
						if context.Cause(ctx) != runner.ErrTimeout || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
							t.Errorf("the cause is %v", context.Cause(ctx))
						}
						if time.Since(begin) != tt.want {
							t.Errorf("canceled after %v", time.Since(begin))
						}
					case <-time.After(time.Hour):
					}
					return errBroken
				}, tt.opts...))
				drain(t, r)
				finished := only(t, rec, "it").Finished
				require.Equal(t, tt.outcome, finished.Outcome)
				require.Equal(t, tt.want, finished.Timeout)
			})
		})
	}
}

func TestNilAfterTheDeadlineIsSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Timeout: time.Second})
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
			time.Sleep(2 * time.Second)
			return nil
		}))
		drain(t, r)
		require.Equal(t, uint64(1), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

func TestContextEndsWithTheCallback(t *testing.T) {
	for _, timeout := range []time.Duration{time.Minute, -1} {
		r := newRunner(t, runner.Config{Timeout: timeout})
		kept := make(chan context.Context, 1)
		require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { kept <- ctx; return nil }))
		<-(<-kept).Done()
	}
}

func TestCallbacksOfAScopeStartInTheOrderAsked(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1})
	ctx, release := r.Scope(t.Context())
	var order []string
	for _, name := range []string{"a", "b", "c", "d"} {
		require.NoError(t, runner.After(ctx, name, func(context.Context) error { order = append(order, name); return nil }))
	}
	release(nil)
	drain(t, r)
	require.Equal(t, []string{"a", "b", "c", "d"}, order)
}

func TestCallbacksOfAScopeRunConcurrently(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 3})
	ctx, release := r.Scope(t.Context())
	g := newGate(t)
	for range 4 {
		require.NoError(t, runner.After(ctx, "it", g.wait))
	}
	release(nil)
	for range 3 {
		<-g.entered // none of them has returned
	}
	require.Empty(t, g.entered, "no more than there are workers")
}

func TestScopeIsReleasedOnceAndHoldsCallbacksUntilThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		ctx, release := r.Scope(t.Context())
		var ran atomic.Int32
		count := func(context.Context) error { ran.Add(1); return nil }
		require.NoError(t, runner.After(ctx, "it", count))
		synctest.Wait()
		require.Zero(t, ran.Load())
		require.Equal(t, 1, r.Stats().Reserved)

		release(nil)
		release(nil)
		synctest.Wait()
		require.Equal(t, int32(1), ran.Load())

		require.NoError(t, runner.After(ctx, "late", count))
		synctest.Wait()
		require.Equal(t, int32(2), ran.Load(), "after the release a callback is due at once")
	})
}

func TestAfterTakesTheInnermostRunnerAndTheMethodItsOwn(t *testing.T) {
	a := newRunner(t, runner.Config{Name: "a"})
	b := newRunner(t, runner.Config{Name: "b"})
	ctx, releaseA := a.Scope(t.Context())
	ctx, releaseB := b.Scope(ctx)
	require.NoError(t, runner.After(ctx, "innermost", nothing))
	require.NoError(t, a.After(ctx, "outer", nothing))
	require.Equal(t, 1, a.Stats().Reserved)
	require.Equal(t, 1, b.Stats().Reserved)
	releaseB(nil)
	releaseA(nil)

	c := newRunner(t, runner.Config{Name: "c"})
	require.ErrorIs(t, c.After(ctx, "elsewhere", nothing), runner.ErrNoScope)
}

func TestTheLastTimeoutCountsAndZeroIsTheConfigs(t *testing.T) {
	for want, opts := range map[time.Duration][]runner.Option{
		time.Minute: {runner.Timeout(time.Second), runner.Timeout(0)},
		time.Second: {runner.Timeout(0), runner.Timeout(time.Second)},
		0:           {runner.Timeout(time.Second), runner.Timeout(-1)},
	} {
		r, rec := recorded(t, runner.Config{Timeout: time.Minute})
		require.NoError(t, r.Go(t.Context(), "it", nothing, append(opts, runner.Option{})...))
		drain(t, r)
		require.Equal(t, want, only(t, rec, "it").Accepted.Timeout)
	}
}

func TestAPanicsValueIsToldAndNeverWalked(t *testing.T) {
	endless := map[string]any{}
	endless["self"] = endless
	for want, value := range map[string]any{
		"text":                      "text",
		"42":                        42,
		"broken":                    errBroken,
		"1s":                        time.Second,
		"(map[string]interface {})": endless,
		"([]uint8)":                 make([]byte, 1<<20),
		"(struct { A int })":        struct{ A int }{1},
	} {
		require.EqualError(t, &runner.PanicError{Value: value}, "runner: callback panicked: "+want)
	}
}

func TestAKeptContextKnowsNothingOfLaterCallbacks(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 100})
		var kept context.Context
		first := context.WithValue(t.Context(), key{}, "first")
		begin := time.Now()
		require.NoError(t, r.Go(first, "first", func(ctx context.Context) error { kept = ctx; return nil }, runner.Timeout(time.Minute)))
		synctest.Wait()
		time.Sleep(time.Second)
		for range 100 {
			require.NoError(t, r.Go(t.Context(), "later", nothing, runner.Timeout(time.Hour)))
		}
		synctest.Wait()
		deadline, ok := kept.Deadline()
		require.True(t, ok)
		require.Equal(t, time.Minute, deadline.Sub(begin))
		require.Equal(t, "first", kept.Value(key{}))
		require.Contains(t, fmt.Sprint(kept), "first")
		require.ErrorIs(t, kept.Err(), context.Canceled)
		require.ErrorIs(t, context.Cause(kept), context.Canceled)
		drain(t, r)
	})
}

// Whenever it is asked: nothing that happens after the end was the cause of it.
func TestAKeptContextWasEndedByItsCallback(t *testing.T) {
	for name, shutDown := range map[string]bool{"deadline": false, "shutdown": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Workers: 1, Timeout: time.Minute})
				var kept context.Context
				require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { kept = ctx; return nil }))
				synctest.Wait()
				if shutDown {
					require.NoError(t, r.Go(t.Context(), "hangs", obedient, runner.Timeout(-1)))
					giveUp(t, r)
				} else {
					time.Sleep(time.Hour)
				}
				require.Equal(t, context.Canceled, context.Cause(kept))
				require.Equal(t, context.Canceled, kept.Err())
				derived, cancel := context.WithCancel(kept)
				defer cancel()
				require.Equal(t, context.Canceled, context.Cause(derived))
			})
		})
	}
}
