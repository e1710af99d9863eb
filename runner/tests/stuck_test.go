package tests

import (
	"context"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func hangHere(g *gate) error { return g.wait(nil) } //nolint:staticcheck // it takes no context on purpose

func TestHangingCallbacksGiveTheirWorkersBackAndAreNamedWithTheirStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 8, Timeout: 2 * time.Second, StuckAfter: time.Second})
		g := newGate(t)
		names := strings.Fields("a b c d e f g h")
		for _, name := range names {
			require.NoError(t, r.Go(t.Context(), name, func(context.Context) error { return hangHere(g) }))
		}
		ninth := false
		require.NoError(t, r.Go(t.Context(), "ninth", func(context.Context) error { ninth = true; return nil }))
		time.Sleep(3 * time.Second)
		synctest.Wait()

		require.True(t, ninth, "the pool has kept its width")
		for _, name := range names {
			stuck := only(t, rec, name).Stuck
			require.Len(t, stuck, 1, name)
			require.Equal(t, 3*time.Second, stuck[0].Ran, name)
			require.Contains(t, stuck[0].Stack, "tests.hangHere\n\t", name)
			require.NotContains(t, stuck[0].Stack, "runner.call")
		}
		s := r.Stats()
		require.Equal(t, 8, s.Stuck)
		require.Equal(t, 8, s.Replaced)
		require.Equal(t, 8, s.Running)
		require.Zero(t, s.Busy)
		require.Equal(t, 24*time.Second, s.BusyTime, "a worker that was given back is not busy")
		requireBalanced(t, s)
		require.ErrorIs(t, r.Go(t.Context(), "tenth", nothing), runner.ErrStuck)
		require.Equal(t, runner.ReasonStuck, only(t, rec, "tenth").Rejected.Reason)

		g.release()
		synctest.Wait()
		s = r.Stats()
		require.Zero(t, s.Stuck+s.Replaced+s.Running)
		require.Equal(t, uint64(9), s.Outcomes[runner.OutcomeSuccess])
		for _, name := range names {
			require.True(t, only(t, rec, name).Finished.Stuck, name)
		}
		require.False(t, only(t, rec, "ninth").Finished.Stuck)
		require.Empty(t, only(t, rec, "ninth").Stuck)

		again := newGate(t) // the width is what it was
		for range 12 {
			require.NoError(t, r.Go(t.Context(), "again", again.wait))
		}
		synctest.Wait()
		require.Len(t, again.entered, 8)
	})
}

func TestTheStackIsTheCallbacksOwnThoughItHasStartedGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stack string
		r := newRunner(t, runner.Config{Timeout: time.Second, Observers: []runner.Observer{{
			Stuck: func(_ context.Context, i runner.StuckInfo) { stack = i.Stack },
		}}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
			go func() { <-g.open }()
			go time.Sleep(time.Minute)
			go func() {
				select {
				case <-g.open:
				case <-g.entered:
				}
			}()
			<-time.After(time.Millisecond)
			return hangHere(g)
		}))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Contains(t, stack, "tests.hangHere\n\t")
		g.release()
		time.Sleep(time.Hour)
	})
}

func TestAtMostMaxStuckWorkersAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 3, MaxStuck: 2, Timeout: time.Second})
		g := newGate(t)
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "hang", g.wait))
		}
		var ran atomic.Int32 // two workers may run them at once
		for range 4 {
			require.NoError(t, r.Go(t.Context(), "queued", func(context.Context) error { ran.Add(1); return nil }))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		s := r.Stats()
		require.Equal(t, 3, s.Stuck)
		require.Equal(t, 2, s.Replaced)
		require.Equal(t, 1, s.Busy)
		require.Equal(t, int32(4), ran.Load(), "what was accepted goes on")
		require.ErrorIs(t, r.Go(t.Context(), "new", nothing), runner.ErrStuck)
		require.ErrorIs(t, r.Do(t.Context(), "new", nothing), runner.ErrStuck)
		g.release()
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "new", nothing))
	})
}

func TestAWorkerThatCouldNotBeReplacedIsReplacedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, MaxStuck: 1, Timeout: time.Second})
		a, b := newGate(t), newGate(t)
		require.NoError(t, r.Go(t.Context(), "a", a.wait))
		require.NoError(t, r.Go(t.Context(), "b", b.wait))
		ran := false
		require.NoError(t, r.Go(t.Context(), "c", func(context.Context) error { ran = true; return nil }))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, r.Stats().Stuck)
		require.False(t, ran)
		a.release()
		synctest.Wait()
		require.True(t, ran, "a's worker is back, and b's is replaced")
		require.Equal(t, 1, r.Stats().Replaced)
		require.ErrorIs(t, r.Go(t.Context(), "d", nothing), runner.ErrStuck)
		b.release()
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "d", nothing))
	})
}

// Two stuck callbacks end at once, and their workers find one too many:
// not both may leave.
func TestNoMoreWorkersLeaveThanWereReplaced(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 1, MaxStuck: 2, Timeout: time.Second})
			g := newGate(t)
			require.NoError(t, r.Go(t.Context(), "a", g.wait))
			time.Sleep(10 * time.Second)
			require.NoError(t, r.Go(t.Context(), "b", g.wait, runner.Timeout(-1)))
			synctest.Wait()
			ran := false
			require.NoError(t, r.Go(t.Context(), "c", func(context.Context) error { ran = true; return nil }, runner.Timeout(-1)))
			g.release()
			synctest.Wait()
			require.True(t, ran)
		})
	}
}

func TestCallbacksCarryTheirNamesAsPprofLabels(t *testing.T) {
	r := newRunner(t, runner.Config{Name: "shop", Workers: 1})
	label := func(ctx context.Context, key string) string { v, _ := pprof.Label(ctx, key); return v }
	type labels struct{ runner, callback, users, asker string }
	got := make(chan labels, 1)
	asker := pprof.WithLabels(t.Context(), pprof.Labels("tenant", "t1"))
	require.NoError(t, r.Go(asker, "order.email", func(ctx context.Context) error {
		pprof.Do(ctx, pprof.Labels("step", "send"), func(ctx context.Context) {
			got <- labels{label(ctx, "afterglow.runner"), label(ctx, "afterglow.callback"), label(ctx, "step"), label(ctx, "tenant")}
		})
		return nil
	}))
	require.Equal(t, labels{"shop", "order.email", "send", "t1"}, <-got)

	g := occupy(t, r, "hangs")
	require.Contains(t, goroutines(t), `"afterglow.callback":"hangs"`)
	g.release()
	drain(t, r)
	left := func() bool { return !strings.Contains(goroutines(t), "afterglow.callback") }
	require.Eventually(t, left, 10*time.Second, time.Millisecond, "a worker that has done its work ends")
}

func goroutines(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 1))
	return b.String()
}

func TestTheReportOfADrainHasTracesAndStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		other := newGate(t)
		var r *runner.Runner
		r = newRunner(t, runner.Config{Observers: []runner.Observer{{TraceID: func(ctx context.Context) string {
			_ = r.Stats() // no lock is held
			return ctx.Value(key{}).(string)
		}}}})
		require.NoError(t, r.Go(t.Context(), "panics", other.wait)) // has no trace: TraceID panics
		g := newGate(t)
		require.NoError(t, r.Go(context.WithValue(t.Context(), key{}, "4bf9"), "it", func(context.Context) error { return hangHere(g) }))
		synctest.Wait()
		report := giveUp(t, r)
		traces := map[string]string{}
		for _, l := range report.Lost {
			traces[l.Name] = l.TraceID
			require.Contains(t, l.Stack, ".wait\n\t")
		}
		require.Equal(t, map[string]string{"it": "4bf9", "panics": ""}, traces)
		require.Regexp(t, `\n  1 x it abandoned, [^\n]*, trace 4bf9$`, report.String())
		require.NotRegexp(t, `1 x panics [^\n]* trace`, report.String())
	})
}

func TestAHangingCallbackGivesItsShareOfTheLimitBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 2, Timeout: time.Second, Limits: map[string]int{"it": 1}})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "it", g.wait))
		ran := make(chan struct{})
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { close(ran); return nil }))
		<-ran
		require.Equal(t, 1, r.Stats().Stuck)
		g.release()
		drain(t, r)
	})
}

func TestAttemptsAreToldWithAContextThatHasNotEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		r := newRunner(t, runner.Config{Timeout: time.Second, Observers: []runner.Observer{{
			Stuck:   func(ctx context.Context, _ runner.StuckInfo) { told = append(told, ctx.Err()) },
			Retried: func(ctx context.Context, _ runner.RetriedInfo) { told = append(told, ctx.Err()) },
		}}})
		ctx, cancel := context.WithCancel(t.Context())
		g := newGate(t)
		require.NoError(t, r.Go(ctx, "it", func(ctx context.Context) error { _ = g.wait(ctx); return errBroken }, runner.RetryBackoff(2, every(0))))
		cancel()
		time.Sleep(5 * time.Second)
		g.release()
		synctest.Wait()
		require.Equal(t, []error{nil, nil}, told)
	})
}
