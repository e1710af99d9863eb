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

// In a test, this is func TestAnOrderIsMailed(t *testing.T). Here inFake calls
// it, as an example has no t.
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
	fmt.Println("failures:", inFake(testAnOrderIsMailed))
	// Output:
	// mail sent
	// 200 Order placed successfully
	// order.email: success
	// failures: []
}

func ExampleRunner_Do() {
	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{})
		rt.Do(func(ctx context.Context) {
			_ = runner.After(ctx, "cache.renew", func(ctx context.Context) error {
				fmt.Println("after")
				return runner.After(ctx, "cache.announce", func(context.Context) error {
					fmt.Println("after that")
					return nil
				})
			})
			fmt.Println("now")
		})
		fmt.Println("all done")
	}
	fmt.Println("failures:", inFake(test))
	// Output:
	// now
	// after
	// after that
	// all done
	// failures: []
}

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
		rt.Bind(srv.Config)
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
	fmt.Println("failures:", inFake(test))
	// Output:
	// counted
	// hello
	// failures: []
}

// In a bubble, half an hour of waiting between attempts passes at once.
func ExampleNew_bubble() {
	t := new(testing.T) // stands for the test's own
	synctest.Test(t, func(t *testing.T) {
		rt := runnertest.New(t, runner.Config{})
		start, attempts := time.Now(), 0
		rt.Do(func(ctx context.Context) {
			webhook := func(context.Context) error {
				if attempts++; attempts < 3 {
					return errors.New("503 Service Unavailable")
				}
				return nil
			}
			_ = runner.After(ctx, "order.webhook", webhook,
				runner.Retry(5, func(int) time.Duration { return 15 * time.Minute }))
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
		for _, failure := range inFake(test) {
			fmt.Println(failure)
		}
	})
	// Output:
	// runnertest: callback order.email was asked for and never started: was its scope released?
}

// Errors are not a test's failures, unless it says so.
func ExampleFailOn() {
	test := func(t runnertest.T) {
		rt := runnertest.New(t, runner.Config{}, runnertest.FailOn(runner.Panicked, runner.Failed))
		rt.Do(func(ctx context.Context) {
			_ = runner.After(ctx, "order.email", func(context.Context) error { return errors.New("no such mailbox") })
		})
	}
	for _, failure := range inFake(test) {
		fmt.Println(failure)
	}
	// Output:
	// runnertest: callback order.email: error: no such mailbox
}

// A program that makes its own runner takes the recorder as an observer.
func ExampleRecorder() {
	var rec runnertest.Recorder
	r, _ := runner.New(runner.Config{Observers: []runner.Observer{rec.Observer()}})
	defer r.Shutdown(context.Background()) //nolint:errcheck // nothing is left

	ctx, release := r.Scope(context.Background())
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil })
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.Once("7"))
	_ = runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.Once("7"))
	release()
	_ = rec.Wait(context.Background())
	for _, c := range rec.All() {
		fmt.Println(c)
	}
	// Output:
	// order.email: success
	// order.email: success
	// order.email: coalesced
}
