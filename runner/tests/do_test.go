package tests

import (
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestDoRunsOnTheCallersGoroutineAndReturnsItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1})
		fill(t, r)
		require.ErrorIs(t, r.Do(t.Context(), "fails", func(context.Context) error { return errBroken }), errBroken)
		require.NoError(t, r.Do(t.Context(), "succeeds", nothing))
		err := r.Do(t.Context(), "panics", func(context.Context) error { panic(errBroken) })
		var panicked *runner.PanicError
		require.ErrorAs(t, err, &panicked)
		require.ErrorIs(t, err, errBroken)
		err = r.Do(t.Context(), "times.out", obedient, runner.Timeout(time.Second))
		require.ErrorIs(t, err, runner.ErrTimeout)
		require.Equal(t, map[string][]runner.Outcome{
			"fails": {runner.OutcomeError}, "succeeds": {runner.OutcomeSuccess},
			"panics": {runner.OutcomePanic}, "times.out": {runner.OutcomeTimeout},
		}, outcomes(rec), "no worker and no place was free")
		require.Equal(t, time.Second, only(t, rec, "times.out").Finished.Duration())
		requireBalanced(t, r.Stats())
	})
}

func TestDoIsCountedAndAwaitedByShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1})
		nested := false
		go func() {
			_ = r.Do(t.Context(), "import", func(ctx context.Context) error {
				defer time.Sleep(10 * time.Second)
				return runner.After(ctx, "nested", func(context.Context) error { nested = true; return nil })
			})
		}()
		synctest.Wait()
		s := r.Stats()
		require.Equal(t, 1, s.Running)
		require.Zero(t, s.Busy+s.Depth, "it takes no worker and no place")
		requireBalanced(t, s)
		require.Equal(t, 10*time.Second, drain(t, r).Duration)
		require.True(t, nested)
		require.Equal(t, runner.OutcomeSuccess, outcomes(rec)["import"][0])
		require.ErrorIs(t, r.Do(t.Context(), "late", nothing), runner.ErrClosed)
	})
}

func TestDoIsCanceledWithItsCallersContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errBroken) })
		err := r.Do(ctx, "a", func(ctx context.Context) error {
			<-ctx.Done()
			require.ErrorIs(t, ctx.Err(), context.Canceled)
			return context.Cause(ctx)
		})
		require.ErrorIs(t, err, errBroken)
		require.Equal(t, runner.OutcomeError, outcomes(rec)["a"][0])

		deadline, cancelDeadline := context.WithTimeout(t.Context(), time.Minute)
		defer cancelDeadline()
		require.NoError(t, r.Do(deadline, "b", func(ctx context.Context) error {
			got, ok := ctx.Deadline()
			want, _ := deadline.Deadline()
			require.True(t, ok)
			require.True(t, want.Equal(got), "its caller's is the sooner one")
			return nil
		}, runner.Timeout(time.Hour)))
	})
}

func TestGoexitInDoEndsTheCallersGoroutineAndIsBooked(t *testing.T) {
	observers := map[string]runner.Observer{
		"the callback": {},
		"Accepted":     {Accepted: func(context.Context, runner.AcceptedInfo) context.Context { runtime.Goexit(); return nil }},
		"Started":      {Started: func(context.Context, runner.StartedInfo) context.Context { runtime.Goexit(); return nil }},
	}
	for name, o := range observers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var errs []error
				last := runner.Observer{Finished: func(_ context.Context, info runner.FinishedInfo) { errs = append(errs, info.Err) }}
				r := newRunner(t, runner.Config{Observers: []runner.Observer{o, last}})
				returned := false
				go func() {
					_ = r.Do(t.Context(), "a", func(context.Context) error { runtime.Goexit(); return nil })
					returned = true
				}()
				synctest.Wait()
				require.False(t, returned)
				require.Equal(t, []error{runner.ErrGoexit}, errs)
				require.Zero(t, drain(t, r).Pending)
			})
		})
	}
}

func TestAStuckDoIsFoundAndAbandonedByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, MaxStuck: 1, Timeout: time.Second})
		g := newGate(t)
		go func() { _ = r.Do(t.Context(), "import", g.wait) }()
		<-g.entered
		time.Sleep(3 * time.Second)
		s := r.Stats()
		require.Equal(t, 1, s.Stuck)
		require.Zero(t, s.Replaced, "it has no worker")
		require.NotNil(t, only(t, rec, "import").Stuck)
		report := giveUp(t, r)
		require.Equal(t, "import", report.Lost[0].Name)
		require.Equal(t, runner.OutcomeAbandoned, report.Lost[0].Outcome)
	})
}

func TestDoRejectsWhatItCannotDo(t *testing.T) {
	r := newRunner(t, runner.Config{})
	require.ErrorIs(t, r.Do(t.Context(), "not a name", nothing), runner.ErrInvalidName)
	require.ErrorIs(t, r.Do(t.Context(), "a", nil), runner.ErrNilFunc)
	require.ErrorContains(t, r.Do(t.Context(), "a", nothing, runner.Retry(2)), "no option but Timeout")
	require.Zero(t, r.Stats().Asked)
}

func TestDoGivesTheCallersLabelsBack(t *testing.T) {
	r := newRunner(t, runner.Config{})
	pprof.Do(t.Context(), pprof.Labels("mine", "yes"), func(ctx context.Context) {
		require.NoError(t, r.Do(ctx, "a", func(ctx context.Context) error {
			mine, _ := pprof.Label(ctx, "mine")
			name, _ := pprof.Label(ctx, "afterglow.callback")
			require.Equal(t, "yes a", mine+" "+name)
			return nil
		}))
		var profile strings.Builder
		require.NoError(t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
		require.Contains(t, profile.String(), `# labels: {"mine":"yes"}`)
		require.NotContains(t, profile.String(), `afterglow.callback":"a"`)
	})
}

func TestACallerRunsWhatTheQueueHasNoPlaceFor(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1, Queue: 1})
	fill(t, r)
	ran := 0
	fn := func(context.Context) error { ran++; return nil }
	err := r.Go(t.Context(), "a", fn)
	if errors.Is(err, runner.ErrQueueFull) {
		err = r.Do(t.Context(), "a", fn)
	}
	require.NoError(t, err)
	require.Equal(t, 1, ran)
}

// Its end may be reported before Do has returned.
func TestDoBesideADrainThatGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		r := newRunner(t, runner.Config{Observers: []runner.Observer{{
			Accepted: func(context.Context, runner.AcceptedInfo) context.Context { return nil },
			Finished: func(context.Context, runner.FinishedInfo) {},
		}}})
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				for {
					if err := r.Do(t.Context(), "it", nothing); err != nil {
						if !errors.Is(err, runner.ErrClosed) && !errors.Is(err, runner.ErrShutdown) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		runtime.Gosched()
		_, _ = r.Shutdown(ctx)
		callers.Wait()
		requireBalanced(t, r.Stats())
	}
}

// The request's deadline ends neither the callback that runs after it nor what the
// callback does itself.
func TestDoInACallbackHasTheDeadlineOfTheCallback(t *testing.T) {
	for name, c := range map[string]struct {
		outer, do, want time.Duration // 0: none
	}{
		"the callback's is sooner": {time.Minute, time.Hour, time.Minute},
		"its own is sooner":        {time.Hour, time.Minute, time.Minute},
		"only the callback's":      {time.Minute, -1, time.Minute},
		"none":                     {-1, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{})
				begin := time.Now()
				request, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var deadline time.Time
				var has bool
				require.NoError(t, r.Go(request, "outer", func(ctx context.Context) error {
					return r.Do(ctx, "inner", func(ctx context.Context) error {
						deadline, has = ctx.Deadline()
						return nil
					}, runner.Timeout(c.do))
				}, runner.Timeout(c.outer)))
				synctest.Wait()
				require.Equal(t, c.want > 0, has)
				if has {
					require.Equal(t, c.want, deadline.Sub(begin))
				}
			})
		})
	}
}

func TestDoIsNotHeldBackByALimit(t *testing.T) {
	r := newRunner(t, runner.Config{Limits: map[string]int{"it": 1}})
	g := newGate(t)
	require.NoError(t, r.Go(t.Context(), "it", g.wait))
	<-g.entered
	require.NoError(t, r.Do(t.Context(), "it", nothing))
	var group sync.WaitGroup
	inside := newGate(t)
	for range 3 {
		group.Go(func() { _ = r.Do(t.Context(), "it", inside.wait) })
	}
	for range 3 {
		<-inside.entered
	}
	require.Equal(t, 4, r.Stats().Running)
	require.Equal(t, 1, r.Stats().Busy)
	inside.release()
	group.Wait()
}

// errorGroup is as golang.org/x/sync/errgroup: the first error cancels the others.
type errorGroup struct {
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
	once   sync.Once
	err    error
}

func (g *errorGroup) Go(fn func() error) {
	g.wait.Go(func() {
		if err := fn(); err != nil {
			g.once.Do(func() {
				g.err = err
				g.cancel(err)
			})
		}
	})
}

func TestDoInAGroupEndsWithTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1, Queue: 1})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		g := errorGroup{cancel: cancel}
		for range 3 {
			g.Go(func() error { return r.Do(ctx, "waits", obedient) })
		}
		g.Go(func() error {
			return r.Do(ctx, "panics", func(context.Context) error { time.Sleep(time.Second); panic(errBroken) })
		})
		g.wait.Wait()
		require.ErrorIs(t, g.err, errBroken)
		var panicked *runner.PanicError
		require.ErrorAs(t, g.err, &panicked)
		require.Equal(t, []runner.Outcome{runner.OutcomePanic}, rec.Outcomes("panics"))
		failed := runner.OutcomeError
		require.Equal(t, []runner.Outcome{failed, failed, failed}, rec.Outcomes("waits"))
		for _, c := range rec.Named("waits") {
			require.ErrorIs(t, c.Err(), errBroken)
			require.Equal(t, time.Second, c.Finished.Duration())
		}
		requireBalanced(t, r.Stats())
	})
}
