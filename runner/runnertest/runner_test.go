package runnertest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

var (
	goexit    = runtime.Goexit
	errBroken = errors.New("broken")
)

func nothing(context.Context) error { return nil }

// both runs a test in a bubble and outside of one.
func both(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("real time", test)
	t.Run("bubble", func(t *testing.T) { synctest.Test(t, test) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[E comparable](t *testing.T, got []E, want ...E) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDoReturnsWhenTheNestedCallbacksHaveEndedToo(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		var order []string // needs no lock: one worker, and Do waits
		rt.Do(func(ctx context.Context) {
			must(t, runner.After(ctx, "outer", func(ctx context.Context) error {
				order = append(order, "outer")
				must(t, rt.Go(ctx, "gone", func(ctx context.Context) error {
					order = append(order, "gone")
					return runner.After(ctx, "innermost", func(context.Context) error {
						order = append(order, "innermost")
						return nil
					})
				}))
				return runner.After(ctx, "nested", func(context.Context) error {
					order = append(order, "nested")
					return nil
				})
			}))
			must(t, runner.After(ctx, "second", func(context.Context) error {
				order = append(order, "second")
				return nil
			}))
			order = append(order, "handler")
		})
		equal(t, order, "handler", "outer", "second", "gone", "nested", "innermost")
	})
}

func TestDoWaitsForTrackedWork(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		ended := false
		rt.Do(func(ctx context.Context) {
			_, done, err := rt.Track(ctx, "upload")
			must(t, err)
			go func() {
				ended = true
				done(nil)
			}()
		})
		if !ended {
			t.Error("the tracked work has not ended")
		}
	})
}

func TestDoRunsTheCallbacksOfAFunctionThatPanics(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	ran := false
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v", v)
			}
		}()
		rt.Do(func(ctx context.Context) {
			must(t, runner.After(ctx, "a", func(context.Context) error { ran = true; return nil }))
			panic("boom")
		})
	}()
	if !ran {
		t.Error("the callback has not run")
	}
}

func TestDoGivesTheTestsContext(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	rt.Do(func(ctx context.Context) {
		stop := context.AfterFunc(t.Context(), func() {})
		defer stop()
		if ctx.Done() != t.Context().Done() {
			t.Error("it does not end with the test")
		}
	})
}

func TestServeReturnsTheResponseWhenTheCallbacksHaveEnded(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		mux := http.NewServeMux()
		var seen runner.Request
		mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
			must(t, runner.After(r.Context(), "mail", func(ctx context.Context) error {
				seen, _ = runner.RequestFrom(ctx)
				return nil
			}))
			w.WriteHeader(http.StatusAccepted)
		})
		req := httptest.NewRequest(http.MethodGet, "/orders/7", nil)
		w := rt.Serve(mux, req)
		if w.Code != http.StatusAccepted || seen.Status != http.StatusAccepted || seen.Pattern != "GET /orders/{id}" || req.Pattern != seen.Pattern {
			t.Error(w.Code, seen.Status, seen.Pattern, req.Pattern)
		}
	})
}

func TestServeWaitsBehindTheHandlersOwnMiddleware(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		app := rt.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			must(t, runner.After(r.Context(), "mail", nothing))
		}))
		rt.Serve(app, httptest.NewRequest(http.MethodGet, "/", nil))
		equal(t, rt.Recorder.Outcomes("mail"), runner.Success)
	})
}

func TestServeWaitsThoughTheClientHasLeft(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		must(t, runner.After(r.Context(), "always", nothing))
		must(t, runner.After(r.Context(), "gated", nothing, runner.When(runner.NotAborted)))
	})
	rt.Serve(h, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	equal(t, rt.Recorder.Outcomes("always"), runner.Success)
	equal(t, rt.Recorder.Outcomes("gated"), runner.Skipped)
}

func TestServePassesOnAHandlersPanicAfterTheCallbacks(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very value
			t.Errorf("recovered %v", v)
		}
		equal(t, rt.Recorder.Outcomes("mail"), runner.Success)
	}()
	rt.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		must(t, runner.After(r.Context(), "mail", nothing))
		panic(http.ErrAbortHandler)
	}), httptest.NewRequest(http.MethodGet, "/", nil))
}

func TestRequestsAreServedConcurrently(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Workers: 4})
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			must(t, runner.After(r.Context(), "mail", nothing))
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { rt.Serve(h, httptest.NewRequest(http.MethodGet, "/", nil)) })
		}
		wg.Wait()
		if n := len(rt.Recorder.Outcomes("mail")); n != 50 {
			t.Error(n)
		}
	})
}

func TestWaitIdleWaitsForTheCallbacksOfARealServer(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	srv := httptest.NewUnstartedServer(rt.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		must(t, runner.After(r.Context(), "mail", nothing))
	})))
	rt.Bind(srv.Config)
	srv.Start()
	defer srv.Close()
	for range 20 {
		res, err := srv.Client().Get(srv.URL)
		must(t, err)
		must(t, res.Body.Close())
		rt.WaitIdle()
	}
	if n := len(rt.Recorder.Outcomes("mail")); n != 20 {
		t.Error(n)
	}
}

func TestRetriesAndTimeoutsPassAtOnceInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		start, attempts := time.Now(), 0
		rt.Do(func(ctx context.Context) {
			must(t, runner.After(ctx, "webhook", func(ctx context.Context) error {
				if attempts++; attempts < 3 {
					<-ctx.Done() // the default timeout is 30 s
					return ctx.Err()
				}
				return nil
			}, runner.Retry(3, func(int) time.Duration { return time.Hour })))
		})
		if d := time.Since(start); d != 2*time.Hour+time.Minute {
			t.Error(d)
		}
		equal(t, rt.Recorder.Outcomes("webhook"), runner.Success)
	})
}

func TestTheUsersObserversHaveSeenAllWhenAWaitIsOver(t *testing.T) {
	both(t, func(t *testing.T) {
		finished := 0
		rt := runnertest.New(t, runner.Config{Observers: []runner.Observer{{
			Finished: func(context.Context, runner.FinishedInfo) { finished++ },
		}}})
		for n := 1; n <= 100; n++ {
			must(t, rt.Go(t.Context(), "a", nothing))
			rt.WaitIdle()
			if finished != n {
				t.Fatal(finished, n)
			}
		}
	})
}

func TestTheConfigIsNotChanged(t *testing.T) {
	observers := make([]runner.Observer, 0, 1)
	runnertest.New(t, runner.Config{Observers: observers})
	if o := observers[:1][0]; o.Accepted != nil {
		t.Error("the recorder was written into the caller's slice")
	}
}

func TestAConfigThatCannotBeUsedStopsTheTest(t *testing.T) {
	oneFailure(t, failuresOf(func(t runnertest.T) {
		runnertest.New(t, runner.Config{Workers: -1})
		panic("the test goes on")
	}), "Config.Workers")
}
