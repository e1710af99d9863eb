package integrations_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// docs/platforms.md shows the lines of these examples that matter.

func newRunner(cfg runner.Config) *runner.Runner {
	after, err := runner.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return after
}

func listen() net.Listener {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

// Cloud Run ends an instance by SIGTERM.
func Example_cloudRun() {
	after, listener, mux := newRunner(runner.Config{}), listen(), http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		_ = runner.After(r.Context(), "order.email", func(context.Context) error { return nil })
		_, _ = io.WriteString(w, "placed")
	})
	serve := func() (runner.Report, error) {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{Server: 4 * time.Second, Callbacks: 5 * time.Second})
		return report, err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := serve()
		ended <- err
	}()
	transport := new(http.Transport)
	res, err := (&http.Client{Transport: transport}).Post("http://"+listener.Addr().String()+"/orders", "", http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	transport.CloseIdleConnections()
	if self, err := os.FindProcess(os.Getpid()); err != nil || self.Signal(syscall.SIGTERM) != nil {
		log.Fatal("no signal")
	}
	fmt.Println(string(body), <-ended, after.Stats().Outcomes)
	// Output: placed <nil> 1 success
}

// The request stays open until its callback has ended.
func Example_cloudRunHold() {
	after, mux := newRunner(runner.Config{}), http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		_ = runner.After(r.Context(), "order.email", func(context.Context) error { fmt.Println("mail"); return nil })
		_, _ = io.WriteString(w, "placed")
	})
	srv := &http.Server{Handler: after.Hold(mux)}
	srv.Handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders", http.NoBody))
	fmt.Println("the invocation has ended")
	_, _ = after.Shutdown(context.Background())
	// Output:
	// mail
	// the invocation has ended
}

func importFile(ctx context.Context, name string) error {
	fmt.Println("import of", name)
	return runner.After(ctx, "import.report", func(context.Context) error {
		fmt.Println("report of", name)
		return nil
	}, runner.When(runner.Request.Succeeded))
}

func Example_command() {
	ctx, after := context.Background(), newRunner(runner.Config{})

	scope, release := after.Scope(ctx)
	err := importFile(scope, "orders.csv") // asks with runner.After(scope, …)
	release(err)                           // closes When(runner.Request.Succeeded), if it has failed
	_, lost := after.Shutdown(ctx)         // names what has not ended in time

	fmt.Println(errors.Join(err, lost))
	// Output:
	// import of orders.csv
	// report of orders.csv
	// <nil>
}

func cleanUp(ctx context.Context) error {
	fmt.Println("clean up")
	return runner.After(ctx, "cron.report", func(context.Context) error {
		fmt.Println("report")
		return nil
	})
}

func Example_cron() {
	ctx, after := context.Background(), newRunner(runner.Config{})
	ticks := 2 // those of a time.Ticker
	err := func() error {
		for range ticks {
			scope, release := after.Scope(ctx)
			err := after.Do(scope, "cron.cleanup", cleanUp)
			release(err)
			if err := runner.Wait(scope); err != nil { // for what the job has asked for
				return err
			}
		}
		return nil
	}()
	_, lost := after.Shutdown(ctx)
	fmt.Println(err, lost, after.Stats().Outcomes)
	// Output:
	// clean up
	// report
	// clean up
	// report
	// <nil> <nil> 4 success
}

func Example_batch() {
	ctx, after := context.Background(), newRunner(runner.Config{Workers: 4, Queue: 10, Overflow: runner.Block(time.Minute)})
	var stored atomic.Int64
	store := func(_ context.Context, row int) error { stored.Add(int64(row)); return nil }
	rows := slices.Values(make([]int, 1000))
	err := func() error {
		for row := range rows {
			if err := after.Go(ctx, "import.row", func(ctx context.Context) error { return store(ctx, row) }); err != nil {
				return err // no room for a minute, or the runner shuts down
			}
		}
		_, lost := after.Shutdown(ctx)
		return lost
	}()
	fmt.Println(err, after.Stats().Outcomes)
	// Output: <nil> 1000 success
}
