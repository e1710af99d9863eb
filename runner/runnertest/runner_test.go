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

// runIn is rt.Run for a function without an error.
func runIn(rt *runnertest.Runner, fn func(ctx context.Context)) {
	_ = rt.Run(func(ctx context.Context) error { fn(ctx); return nil })
}

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

func TestRunReturnsWhenTheNestedCallbacksHaveEndedToo(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		var order []string // needs no lock: one worker, and Do waits
		runIn(rt, func(ctx context.Context) {
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

// The goroutine is left behind, but what it has the runner do is known.
func TestRunWaitsForWhatDoRuns(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		begun, leave, ended := make(chan struct{}), make(chan struct{}), false
		runIn(rt, func(ctx context.Context) {
			go func() {
				must(t, rt.Do(ctx, "upload", func(context.Context) error {
					close(begun)
					<-leave
					ended = true
					return nil
				}))
			}()
			<-begun
			must(t, runner.After(ctx, "last", func(context.Context) error { close(leave); return nil }))
		})
		if !ended {
			t.Error("what Do runs has not ended")
		}
		equal(t, rt.Recorder.Outcomes("upload"), runner.OutcomeSuccess)
	})
}

func TestRunWaitsForAllThatAfterAllTakesIn(t *testing.T) {
	both(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{Queue: 3})
		var order []string
		call := func(name string) runner.Call {
			return runner.Call{Name: name, Func: func(context.Context) error { order = append(order, name); return nil }}
		}
		var rejected error
		runIn(rt, func(ctx context.Context) {
			must(t, runner.AfterAll(ctx, call("a"), call("b")))
			rejected = runner.AfterAll(ctx, call("c"), call("d"))
		})
		equal(t, order, "a", "b")
		if !errors.Is(rejected, runner.ErrQueueFull) {
			t.Error(rejected)
		}
		var all []string
		for _, c := range rt.Recorder.All() {
			all = append(all, c.String())
		}
		equal(t, all, "a: success", "b: success", "c: rejected: "+rejected.Error(), "d: rejected: "+rejected.Error())
	})
}

func TestRunReleasesTheScopeWithTheFunctionsError(t *testing.T) {
	both(t, func(t *testing.T) {
		for _, want := range []error{nil, errBroken} {
			rt := runnertest.New(t, runner.Config{})
			var seen runner.Request
			got := rt.Run(func(ctx context.Context) error {
				must(t, runner.After(ctx, "always", func(ctx context.Context) error {
					seen, _ = runner.RequestFrom(ctx)
					return nil
				}))
				must(t, runner.After(ctx, "gated", nothing, runner.When(runner.Request.Succeeded)))
				return want
			})
			if !errors.Is(got, want) || !errors.Is(seen.Err, want) || (got == nil) != (want == nil) {
				t.Error(got, seen.Err, want)
			}
			if want == nil {
				equal(t, rt.Recorder.Outcomes("gated"), runner.OutcomeSuccess)
			} else {
				equal(t, rt.Recorder.Outcomes("gated"), runner.OutcomeSkipped)
			}
		}
	})
}

func TestRunRunsTheCallbacksOfAFunctionThatPanics(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	ran, succeeded := false, true
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v", v)
			}
		}()
		runIn(rt, func(ctx context.Context) {
			must(t, runner.After(ctx, "a", func(ctx context.Context) error {
				req, _ := runner.RequestFrom(ctx)
				ran, succeeded = true, req.Succeeded()
				return nil
			}))
			panic("boom")
		})
	}()
	if !ran || succeeded {
		t.Error("the callback has not run, or takes the panic for a success")
	}
}

func TestRunGivesTheTestsContext(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	runIn(rt, func(ctx context.Context) {
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
		equal(t, rt.Recorder.Outcomes("mail"), runner.OutcomeSuccess)
	})
}

// As echo does, which writes the errors that handlers return.
func TestServeShowsCallbacksTheErrorThatMiddlewareOutsideWrites(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	var kept http.ResponseWriter
	status := 0
	inner := rt.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept = w
		err := runner.After(r.Context(), "it", func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			status = got.Status
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}))
	w := rt.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		http.Error(kept, "broken", http.StatusTeapot)
	}), httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusTeapot || w.Body.String() != "broken\n" || status != http.StatusTeapot {
		t.Errorf("the response is %d %q, its callback saw %d", w.Code, w.Body, status)
	}
}

func TestServeWaitsThoughTheClientHasLeft(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		must(t, runner.After(r.Context(), "always", nothing))
		must(t, runner.After(r.Context(), "gated", nothing, runner.When(runner.Request.NotAborted)))
	})
	rt.Serve(h, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	equal(t, rt.Recorder.Outcomes("always"), runner.OutcomeSuccess)
	equal(t, rt.Recorder.Outcomes("gated"), runner.OutcomeSkipped)
}

func TestServePassesOnAHandlersPanicAfterTheCallbacks(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // the very value
			t.Errorf("recovered %v", v)
		}
		equal(t, rt.Recorder.Outcomes("mail"), runner.OutcomeSuccess)
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
	runner.Bind(srv.Config)
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
		runIn(rt, func(ctx context.Context) {
			must(t, runner.After(ctx, "webhook", func(ctx context.Context) error {
				if attempts++; attempts < 3 {
					<-ctx.Done() // the default timeout is 30 s
					return ctx.Err()
				}
				return nil
			}, runner.RetryBackoff(3, func(int) time.Duration { return time.Hour })))
		})
		if d := time.Since(start); d != 2*time.Hour+time.Minute {
			t.Error(d)
		}
		equal(t, rt.Recorder.Outcomes("webhook"), runner.OutcomeSuccess)
	})
}

func TestTheUsersObserversHaveSeenAllWhenAWaitIsOver(t *testing.T) {
	both(t, func(t *testing.T) {
		finished, failed := 0, 0
		rt := runnertest.New(t, runner.Config{Observers: []runner.Observer{{
			Finished: func(context.Context, runner.FinishedInfo) { finished++ },
			Failed:   func(context.Context, runner.FinishedInfo) { failed++ },
		}}})
		for n := 1; n <= 100; n++ {
			must(t, rt.Go(t.Context(), "a", func(context.Context) error { return errBroken }))
			rt.WaitIdle()
			if finished != n || failed != n {
				t.Fatal(finished, failed, n)
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
