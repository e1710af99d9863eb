package tests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// namesOf returns the names that a snapshot counts apart, in its order.
func namesOf(s runner.Snapshot) string {
	var names []string
	for _, c := range s.Callbacks {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

// countsOf returns what a snapshot counts of a name.
func countsOf(t *testing.T, s runner.Snapshot, name string) runner.CallbackStats {
	t.Helper()
	i := slices.IndexFunc(s.Callbacks, func(c runner.CallbackStats) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0, "%s is not counted", name)
	return s.Callbacks[i]
}

func TestDeclaredNamesAreCountedFromTheStart(t *testing.T) {
	r := newRunner(t, runner.Config{
		Names:  []string{"c", "a", "c", "limited"},
		Limits: map[string]int{"limited": 1, "b": 2},
	})
	s := r.Snapshot()
	require.Equal(t, "a b c limited", namesOf(s))
	for _, c := range s.Callbacks {
		require.Zero(t, c.Asked)
		require.Zero(t, c.Outcomes.Total())
		require.Zero(t, c.LastSuccess)
		require.Zero(t, c.LastFailure)
		require.NotNil(t, c.Success.Layout(), "a histogram at 0, not none")
		require.Zero(t, c.Success.Count())
		require.Zero(t, c.Failure.Count())
	}
	requireSnapshotBalanced(t, s)
	require.NoError(t, r.Go(t.Context(), "b", nothing))
	require.NoError(t, r.Go(t.Context(), "aa", nothing))
	drain(t, r)
	require.Equal(t, "a aa b c limited", namesOf(r.Snapshot()))
}

func TestDeclaredNamesBeyondMaxNamesAreCountedApart(t *testing.T) {
	r := newRunner(t, runner.Config{MaxNames: 1, Names: []string{"a", "b"}, Limits: map[string]int{"c": 1}})
	for _, name := range []string{"a", "b", "c", "d"} {
		require.NoError(t, r.Go(t.Context(), name, nothing))
	}
	drain(t, r)
	require.Equal(t, "a b c other", namesOf(r.Snapshot()))
	require.Equal(t, uint64(1), r.Snapshot().Folded)
}

func TestNamesBeyondMaxNamesAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var folded []string
		r, rec := recorded(t, runner.Config{MaxNames: 2, Workers: 1, Timeout: time.Minute, Observers: []runner.Observer{{
			Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
				if info.Folded {
					folded = append(folded, info.Name)
				}
				return nil
			},
		}}})
		for range 2 {
			require.NoError(t, r.Go(t.Context(), "a", nothing))
			require.NoError(t, r.Go(t.Context(), "b", func(context.Context) error { return errBroken }))
			require.NoError(t, r.Go(t.Context(), "c", nothing))
			require.ErrorIs(t, r.Do(t.Context(), "d", func(context.Context) error { return errBroken }), errBroken)
		}
		drain(t, r)
		require.ErrorIs(t, r.Go(t.Context(), "e", nothing), runner.ErrClosed)
		s := r.Snapshot()
		require.Equal(t, "a b other", namesOf(s))
		require.Equal(t, uint64(5), s.Folded)
		other := countsOf(t, s, "other")
		require.Equal(t, uint64(5), other.Asked)
		require.Equal(t, uint64(2), other.Outcomes[runner.OutcomeSuccess])
		require.Equal(t, uint64(2), other.Outcomes[runner.OutcomeError])
		require.Equal(t, uint64(1), other.Rejections[runner.ReasonClosed])
		require.Equal(t, uint64(2), other.Success.Count())
		require.Equal(t, uint64(2), other.Failure.Count())
		require.Zero(t, other.Timeout, "they have many")
		require.Equal(t, time.Minute, countsOf(t, s, "a").Timeout)
		requireSnapshotBalanced(t, s)

		require.Equal(t, []string{"c", "d", "c", "d"}, folded, "observers see the names as they are")
		require.True(t, only(t, rec, "e").Rejected.Folded)
		for _, c := range rec.Named("d") {
			require.True(t, c.Started[0].Folded)
			require.True(t, c.Finished.Folded)
		}
		for _, c := range rec.Named("a") {
			require.False(t, c.Finished.Folded)
		}
	})
}

func TestAHundredNamesAreCountedApartByDefault(t *testing.T) {
	r := newRunner(t, runner.Config{})
	for i := range 103 {
		require.NoError(t, r.Go(t.Context(), fmt.Sprintf("name.%03d", i), nothing))
	}
	drain(t, r)
	s := r.Snapshot()
	require.Len(t, s.Callbacks, 101)
	require.Equal(t, uint64(3), s.Folded)
	requireSnapshotBalanced(t, s)
}

func TestFoldedNamesShareTheCountsOfOneNamedOther(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   runner.Config
		asked []string
	}{
		"declared":     {runner.Config{MaxNames: 2, Names: []string{"other"}}, []string{"a", "other", "b", "c"}},
		"limited":      {runner.Config{MaxNames: 2, Limits: map[string]int{"other": 1}}, []string{"a", "b", "other", "c"}},
		"asked before": {runner.Config{MaxNames: 2}, []string{"other", "a", "b", "c"}},
		"asked later":  {runner.Config{MaxNames: 1}, []string{"a", "b", "c", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(map[string]bool)
			c.cfg.Observers = []runner.Observer{{Finished: func(_ context.Context, info runner.FinishedInfo) { seen[info.Name] = info.Folded }}}
			c.cfg.Workers = 1
			r := newRunner(t, c.cfg)
			for _, name := range c.asked {
				require.NoError(t, r.Go(t.Context(), name, nothing, runner.Timeout(time.Hour)))
			}
			drain(t, r)
			s := r.Snapshot()
			require.Equal(t, "a other", namesOf(s))
			require.Equal(t, uint64(2), s.Folded, "only those whose names are beyond")
			require.Equal(t, uint64(3), countsOf(t, s, "other").Asked)
			require.Equal(t, map[string]bool{"a": false, "other": false, "b": true, "c": true}, seen)
			requireSnapshotBalanced(t, s)
		})
	}
}

func TestOneNamedOtherBeyondMaxNamesIsNoFoldedName(t *testing.T) {
	folded := 0
	r := newRunner(t, runner.Config{Workers: 1, MaxNames: 1, Observers: []runner.Observer{{
		Folded: func(context.Context, runner.Callback) { folded++ },
	}}})
	require.NoError(t, r.Go(t.Context(), "a", nothing))
	require.NoError(t, r.Go(t.Context(), "other", nothing))
	require.Zero(t, folded)
	require.Zero(t, r.Snapshot().Folded)
	require.NoError(t, r.Go(t.Context(), "b", nothing))
	require.Equal(t, 1, folded)
	require.Equal(t, uint64(1), r.Snapshot().Folded)
	drain(t, r)
	require.Equal(t, "a other", namesOf(r.Snapshot()))
}

func TestFoldedIsCalledOnceInsideTheFirstCall(t *testing.T) {
	type key struct{}
	ways := map[string]struct {
		ask  func(context.Context, *runner.Runner, string) error
		next string
	}{
		"Go": {func(ctx context.Context, r *runner.Runner, name string) error { return r.Go(ctx, name, nothing) }, "accepted"},
		"Do": {func(ctx context.Context, r *runner.Runner, name string) error { return r.Do(ctx, name, nothing) }, "accepted"},
		"After": {func(ctx context.Context, r *runner.Runner, name string) error {
			ctx, release := r.Scope(ctx)
			defer release(nil)
			return runner.After(ctx, name, nothing)
		}, "accepted"},
		"AfterAll": {func(ctx context.Context, r *runner.Runner, name string) error {
			ctx, release := r.Scope(ctx)
			defer release(nil)
			return runner.AfterAll(ctx, runner.Call{Name: name, Func: nothing}, runner.Call{Name: name + ".second", Func: nothing})
		}, "accepted"},
		"a rejected one": {func(ctx context.Context, r *runner.Runner, name string) error {
			if _, err := r.Shutdown(ctx); err != nil {
				return err
			}
			_ = r.Go(ctx, name, nothing)
			return nil
		}, "rejected"},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events []string
				note := func(ctx context.Context, c runner.Callback, event string) {
					if ctx.Value(key{}) != "asker's" {
						t.Error("it is not the asker's context")
					}
					events = append(events, event+" "+c.Name)
				}
				r := newRunner(t, runner.Config{Workers: 1, MaxNames: 1, Names: []string{"known"}, Observers: []runner.Observer{{
					Folded: func(ctx context.Context, first runner.Callback) {
						note(ctx, first, "folded")
						if !first.Folded || first.Runner != "default" || first.Timeout != 30*time.Second || first.Asked.IsZero() {
							t.Errorf("told of %+v", first)
						}
					},
					Accepted: func(ctx context.Context, info runner.AcceptedInfo) context.Context {
						note(ctx, info.Callback, "accepted")
						return nil
					},
					Rejected: func(ctx context.Context, info runner.RejectedInfo) { note(ctx, info.Callback, "rejected") },
				}}})
				ctx := context.WithValue(t.Context(), key{}, "asker's")
				require.NoError(t, r.Go(ctx, "known", nothing))
				require.Equal(t, []string{"accepted known"}, events)
				require.NoError(t, way.ask(ctx, r, "first"))
				require.Equal(t, []string{"accepted known", "folded first", way.next + " first"}, events[:min(3, len(events))])
				before := strings.Count(fmt.Sprint(events), "folded")
				require.Equal(t, 1, before)
				_ = way.ask(ctx, r, "next")
				require.Equal(t, 1, strings.Count(fmt.Sprint(events), "folded"))
			})
		})
	}
}

func TestFoldedIsCalledOnceThoughManyAskAtOnce(t *testing.T) {
	var mu sync.Mutex
	folded := 0
	r := newRunner(t, runner.Config{Queue: 10_000, MaxNames: 1, Observers: []runner.Observer{{
		Folded: func(context.Context, runner.Callback) {
			mu.Lock()
			defer mu.Unlock()
			folded++
		},
	}}})
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Go(func() {
			for j := range 100 {
				_ = r.Go(t.Context(), fmt.Sprintf("name.%d.%d", i, j), nothing)
			}
		})
	}
	asking.Wait()
	drain(t, r)
	require.Equal(t, 1, folded)
	require.Equal(t, uint64(799), r.Snapshot().Folded)
	requireSnapshotBalanced(t, r.Snapshot())
}
