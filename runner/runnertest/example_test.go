package runnertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// testAnOrderIsMailed is what a test would be: it takes a *testing.T. As an
// example has none, failuresOf runs it here, and in the other examples, and
// returns what it fails with.
func Example() {
	placeOrder := func(w http.ResponseWriter, r *http.Request) {
		_ = runner.After(r.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		})
		fmt.Fprint(w, "Order placed successfully")
	}

	testAnOrderIsMailed := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{})
		w := rt.Serve(http.HandlerFunc(placeOrder), httptest.NewRequest(http.MethodPost, "/orders", nil))
		fmt.Println(w.Code, w.Body)
		fmt.Println(rt.Recorder.Named("order.email")[0])
	}
	fmt.Println("failures:", failuresOf(testAnOrderIsMailed))
	// Output:
	// mail sent
	// 200 Order placed successfully
	// order.email: success
	// failures: []
}

// The queue has one place, so the second callback of a request is rejected.
func ExampleRunner_Serve() {
	placeOrder := func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"order.email", "order.audit"} {
			err := runner.After(r.Context(), name, func(context.Context) error { return nil })
			if errors.Is(err, runner.ErrQueueFull) {
				http.Error(w, "try again later", http.StatusServiceUnavailable)
			}
		}
	}

	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{Queue: 1})
		mux := http.NewServeMux()
		mux.HandleFunc("POST /orders", placeOrder)
		w := rt.Serve(mux, httptest.NewRequest(http.MethodPost, "/orders", nil))
		fmt.Printf("%d, email %v, audit %v\n", w.Code, rt.Recorder.Outcomes("order.email"), rt.Recorder.Outcomes("order.audit"))
	}
	fmt.Println("failures:", failuresOf(test))
	// Output:
	// 503, email [success], audit [rejected]
	// failures: []
}

// Callbacks run one after the other, those that they ask for included.
func ExampleRunner_Run() {
	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{})
		err := rt.Run(func(ctx context.Context) error {
			defer fmt.Println("now")
			return runner.After(ctx, "cache.renew", func(ctx context.Context) error {
				fmt.Println("after")
				return runner.After(ctx, "cache.announce", func(context.Context) error {
					fmt.Println("after that")
					return nil
				})
			})
		})
		fmt.Println("all done, error:", err)
	}
	fmt.Println("failures:", failuresOf(test))
	// Output:
	// now
	// after
	// after that
	// all done, error: <nil>
	// failures: []
}

// Bind and Middleware are the program's own; only the wait is the test's.
func ExampleRunner_WaitIdle() {
	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{})
		srv := httptest.NewUnstartedServer(rt.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = runner.After(r.Context(), "visit.count", func(context.Context) error {
				fmt.Println("counted")
				return nil
			})
			fmt.Fprint(w, "hello")
		})))
		runner.Bind(srv.Config)
		srv.Start()
		defer srv.Close()

		res, err := srv.Client().Get(srv.URL)
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		rt.WaitIdle()
		fmt.Println(string(body))
	}
	fmt.Println("failures:", failuresOf(test))
	// Output:
	// counted
	// hello
	// failures: []
}

// A method of an RPC service fails, and the callback that is for successes only is
// skipped.
func ExampleRunner_Run_error() {
	placeOrder := func(ctx context.Context) error {
		_ = runner.After(ctx, "order.email", nothing, runner.When(runner.Request.Succeeded))
		_ = runner.After(ctx, "order.audit", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			fmt.Println("audit:", req.Err)
			return nil
		})
		return errors.New("out of stock")
	}

	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{})
		fmt.Println("error:", rt.Run(placeOrder))
		fmt.Printf("email: %v\n", rt.Recorder.Outcomes("order.email"))
	}
	fmt.Println("failures:", failuresOf(test))
	// Output:
	// audit: out of stock
	// error: out of stock
	// email: [skipped]
	// failures: []
}

// In a bubble, half an hour of waiting between attempts passes at once.
func ExampleNew_bubble() {
	t := new(testing.T) // stands for the test's own
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		start, attempts := time.Now(), 0
		_ = rt.Run(func(ctx context.Context) error {
			webhook := func(context.Context) error {
				if attempts++; attempts < 3 {
					return errors.New("503 Service Unavailable")
				}
				return nil
			}
			return runner.After(ctx, "order.webhook", webhook,
				runner.RetryBackoff(5, func(int) time.Duration { return 15 * time.Minute }))
		})
		fmt.Println(rt.Recorder.Named("order.webhook")[0], "after", time.Since(start))
	})
	// Output:
	// order.webhook: success in 3 attempts after 30m0s
}

// What is left over at the end of a test fails it.
func ExampleNew_leftovers() {
	synctest.Test(new(testing.T), func(*testing.T) { // or the end would take 5 s
		test := func(t runnertest.T) {
			rt := runnertest.New(t, runner.Config{})
			ctx, _ := rt.Scope(t.Context())
			_ = runner.After(ctx, "order.email", nothing)
		}
		for _, failure := range failuresOf(test) {
			fmt.Println(failure)
		}
	})
	// Output:
	// runnertest: callback order.email was asked for and never started: was its scope released?
}

// Errors are not a test's failures, unless it says so.
func ExampleFailOn() {
	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{}, runnertest.FailOn(runner.OutcomePanic, runner.OutcomeError))
		_ = rt.Run(func(ctx context.Context) error {
			return runner.After(ctx, "order.email", func(context.Context) error { return errors.New("no such mailbox") })
		})
	}
	for _, failure := range failuresOf(test) {
		fmt.Println(failure)
	}
	// Output:
	// runnertest: callback order.email: error: no such mailbox
}
