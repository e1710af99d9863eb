package runner_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// start returns a runner, and a function that waits for all its callbacks.
func start(cfg runner.Config) (*runner.Runner, func()) {
	r, err := runner.New(cfg)
	if err != nil {
		panic(err)
	}
	return r, func() {
		if _, err := r.Shutdown(context.Background()); err != nil {
			panic(err)
		}
	}
}

// A handler answers, and its callback runs when the response is done.
func Example() {
	r, shutdown := start(runner.Config{})
	handler := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "order.email", func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			fmt.Println("mail sent; the answer was", got.Status)
			return nil
		})
		if err != nil {
			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Order placed successfully")
	}))

	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/orders", nil))
	fmt.Print(answer.Body)
	shutdown()
	// Unordered output:
	// Order placed successfully
	// mail sent; the answer was 200
}

// A scope is released by hand where no http.Handler is: in an RPC, a command,
// a cron job.
func ExampleRunner_Scope() {
	r, shutdown := start(runner.Config{})
	ctx, release := r.Scope(context.Background())
	_ = runner.After(ctx, "report", func(context.Context) error {
		fmt.Println("and then the report")
		return nil
	})
	fmt.Println("first the command")
	release()
	shutdown()
	// Output:
	// first the command
	// and then the report
}

// Wait lets a function that must not return too early wait for its after-work.
func ExampleWait() {
	r, shutdown := start(runner.Config{})
	defer shutdown()
	ctx, release := r.Scope(context.Background())
	_ = runner.After(ctx, "report", func(context.Context) error {
		fmt.Println("report written")
		return nil
	})
	release()
	fmt.Println(runner.Wait(ctx))
	// Output:
	// report written
	// <nil>
}

// The mail server says no twice.
func ExampleRetry() {
	r, shutdown := start(runner.Config{})
	attempts := 0
	_ = r.Go(context.Background(), "order.email", func(context.Context) error {
		attempts++
		if attempts < 3 {
			return errors.New("451 try again later")
		}
		fmt.Println("sent with attempt", attempts)
		return nil
	}, runner.Retry(5, runner.Exponential(time.Millisecond, time.Second)))
	shutdown()
	// Output: sent with attempt 3
}

// Another attempt would not help.
func ExamplePermanent() {
	r, shutdown := start(runner.Config{})
	_ = r.Go(context.Background(), "order.email", func(context.Context) error {
		fmt.Println("one attempt")
		return runner.Permanent(errors.New("550 no such mailbox"))
	}, runner.Retry(5, nil))
	shutdown()
	fmt.Println(r.Stats().Outcomes[runner.Failed], "failed")
	// Output:
	// one attempt
	// 1 failed
}

// Three parts of one handler each want the activity logged.
func ExampleOnce() {
	r, shutdown := start(runner.Config{})
	ctx, release := r.Scope(context.Background())
	for range 3 {
		_ = runner.After(ctx, "activity.log", func(context.Context) error {
			fmt.Println("one line")
			return nil
		}, runner.Once("visit"))
	}
	release()
	shutdown()
	// Output: one line
}

// A hundred orders make the cached page stale while the only worker is busy;
// one revalidation is enough.
func ExampleCoalesce() {
	r, shutdown := start(runner.Config{Workers: 1})
	busy, free := make(chan struct{}), make(chan struct{})
	_ = r.Go(context.Background(), "busy", func(context.Context) error { close(busy); <-free; return nil })
	<-busy
	for range 100 {
		_ = r.Go(context.Background(), "cache.revalidate", func(context.Context) error {
			fmt.Println("page rebuilt")
			return nil
		}, runner.Coalesce("best-sellers"))
	}
	close(free)
	shutdown()
	fmt.Println(r.Stats().Outcomes[runner.Coalesced], "coalesced")
	// Output:
	// page rebuilt
	// 99 coalesced
}

// No mail for an order that failed.
func ExampleWhen() {
	r, shutdown := start(runner.Config{})
	handler := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		}, runner.When(runner.Succeeded))
		http.Error(w, "out of stock", http.StatusConflict)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/orders", nil))
	shutdown()
	fmt.Println(r.Stats().Outcomes[runner.Skipped], "skipped")
	// Output: 1 skipped
}

// Work that is under way already is tracked, and awaited by Shutdown.
func ExampleRunner_Track() {
	r, shutdown := start(runner.Config{})
	ctx, done, err := r.Track(context.Background(), "import")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		fmt.Println("importing:", ctx.Err() == nil)
		done(nil)
	}()
	shutdown()
	fmt.Println(r.Stats().Outcomes[runner.Success], "done")
	// Output:
	// importing: true
	// 1 done
}
