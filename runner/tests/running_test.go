package tests

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

type traceKey struct{}

// traces is an observer that gives each start a trace.
func traces(id string) runner.Observer {
	return runner.Observer{
		Started: func(ctx context.Context, _ runner.StartedInfo) context.Context {
			return context.WithValue(ctx, traceKey{}, id)
		},
		TraceID: func(ctx context.Context) string {
			id, _ := ctx.Value(traceKey{}).(string)
			return id
		},
	}
}

func TestRunningListsTheAttemptsThatAreUnderWayTheLongestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Name: "shop", Workers: 3, Observers: []runner.Observer{traces("7")}})
		g := newGate(t)
		require.Empty(t, r.Running(9))
		start := time.Now()
		require.NoError(t, r.Go(t.Context(), "first", g.wait, runner.Timeout(-1), runner.Ref("order 1")))
		time.Sleep(time.Second)
		require.NoError(t, r.Go(t.Context(), "second", g.wait, runner.Timeout(2*time.Second)))
		time.Sleep(time.Second)
		require.NoError(t, r.Go(t.Context(), "third", g.wait, runner.Timeout(time.Hour)))
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		time.Sleep(10 * time.Second)

		runs := r.Running(9)
		require.Len(t, runs, 3)
		require.Equal(t, "first", runs[0].Name)
		require.Equal(t, "order 1", runs[0].Ref)
		require.Equal(t, "shop", runs[0].Runner)
		require.Equal(t, start, runs[0].Started)
		require.Equal(t, 1, runs[0].Attempt)
		require.Equal(t, "7", runs[0].TraceID)
		require.False(t, runs[0].HasRequest)
		require.Equal(t, "second", runs[1].Name)
		require.Equal(t, start.Add(time.Second), runs[1].Started)
		require.True(t, runs[1].Stuck, "its deadline is past")
		require.Equal(t, "third", runs[2].Name)
		require.False(t, runs[2].Stuck)
		require.Len(t, r.Running(2), 2)
		require.Empty(t, r.Running(0))

		ids := map[string]bool{}
		for _, run := range append(runs, r.Running(9)...) {
			ids[run.ID] = true
		}
		require.Len(t, ids, 3, "an attempt keeps its id")
		g.release()
		drain(t, r)
		require.Empty(t, r.Running(9))
	})
}

func TestRunningHasTheRequestAndTheLabelOfTheGoroutine(t *testing.T) {
	r := newRunner(t, runner.Config{})
	g := newGate(t)
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		runner.SetPattern(req.Context(), "POST /orders/{id}")
		if err := runner.After(req.Context(), "it", g.wait); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders/7", http.NoBody))
	<-g.entered
	runs := r.Running(1)
	require.Len(t, runs, 1)
	require.True(t, runs[0].HasRequest)
	require.Equal(t, "POST /orders/{id}", runs[0].Request.Pattern)
	require.Equal(t, http.StatusTeapot, runs[0].Request.Status)
	require.True(t, runs[0].AskedAfter)

	var profile strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&profile, 1))
	require.Contains(t, profile.String(), `"afterglow.worker":"`+runs[0].Worker+`"`)
}

func TestRunningTellsTheRunsOfDoAndSurvivesAnObserverThatPanics(t *testing.T) {
	r := newRunner(t, runner.Config{Observers: []runner.Observer{
		{TraceID: func(context.Context) string { panic("boom") }}, traces("7"),
	}})
	err := r.Do(t.Context(), "it", func(context.Context) error {
		runs := r.Running(1)
		if len(runs) != 1 || !runs[0].InCaller || runs[0].TraceID != "7" {
			t.Errorf("%+v", runs)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, uint64(1), r.Stats().ObserverPanics)
}

func TestAnAttemptThatIsTriedAgainHasANewID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		var ids []string
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error {
			ids = append(ids, r.Running(1)[0].ID)
			return errBroken
		}, runner.Retry(3)))
		drain(t, r)
		require.Len(t, ids, 3)
		require.NotEqual(t, ids[0], ids[1])
		require.NotEqual(t, ids[1], ids[2])
	})
}

func TestSampledSeesOneEndOfEachNameInATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sampled []string
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
			Sampled: func(_ context.Context, info runner.FinishedInfo) {
				sampled = append(sampled, info.Name+" "+info.Outcome.String())
			},
		}}})
		ask := func(name string, fn func(context.Context) error) {
			t.Helper()
			require.NoError(t, r.Go(t.Context(), name, fn))
			synctest.Wait()
		}
		fails := func(context.Context) error { return errBroken }
		for range 20 {
			ask("a", nothing)
		}
		ask("b", fails)
		require.Equal(t, []string{"a success", "b error"}, sampled)
		time.Sleep(99 * time.Millisecond)
		ask("a", fails)
		require.Len(t, sampled, 2)
		time.Sleep(time.Millisecond)
		ask("a", fails)
		require.Equal(t, []string{"a success", "b error", "a error"}, sampled)
	})
}

func TestSampledComesAfterFinishedAndFailed(t *testing.T) {
	var calls []string
	note := func(call string) func(context.Context, runner.FinishedInfo) {
		return func(ctx context.Context, info runner.FinishedInfo) {
			calls = append(calls, call)
			if info.Err == nil || ctx.Value(traceKey{}) != "7" {
				t.Error(call, info.Err, ctx.Value(traceKey{}))
			}
		}
	}
	r := newRunner(t, runner.Config{Observers: []runner.Observer{
		traces("7"), {Sampled: note("sampled"), Failed: note("failed"), Finished: note("finished")},
	}})
	require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return errBroken }))
	drain(t, r)
	require.Equal(t, []string{"finished", "failed", "sampled"}, calls)
}

// A page that shows failures must not be why no record of them exists.
func TestAPassiveObserverLeavesTheLogOn(t *testing.T) {
	for name, u := range unseens {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				records := captureLog(t)
				sees := u.sees
				sees.Passive = true
				r := newRunner(t, runner.Config{Workers: 5, Queue: 1, StuckAfter: time.Second, Observers: []runner.Observer{sees}})
				causeUnseen(t, r, u, "it")
				require.NotEmpty(t, records())
				require.Equal(t, u.msg, records()[0].Msg)
			})
		})
	}
}
