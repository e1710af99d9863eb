package runner_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// A callback that heeds its context ends as timeout.
func ExampleTimeout() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	_ = r.Go(context.Background(), "order.webhook", func(ctx context.Context) error {
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
		return ctx.Err()
	}, runner.Timeout(time.Millisecond))
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(r.Stats().Outcomes)
	// Output:
	// runner: callback timed out: context deadline exceeded
	// 1 timeout
}

// The second attempt follows after 50 to 100 ms.
func ExampleRetry() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	attempts := 0
	_ = r.Go(context.Background(), "order.email", func(context.Context) error {
		if attempts++; attempts == 1 {
			return errors.New("451 try again later")
		}
		return nil
	}, runner.Retry(5))
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(attempts, "attempts:", r.Stats().Outcomes)
	// Output: 2 attempts: 1 success
}

func ExampleExponential() {
	backoff := runner.Exponential(time.Second, time.Minute)
	fmt.Println("first wait at most 1 s:", backoff(1) <= time.Second)
	fmt.Println("tenth wait at least 30 s:", backoff(10) >= 30*time.Second)
	// Output:
	// first wait at most 1 s: true
	// tenth wait at least 30 s: true
}

// A helper that tells what happens next.
func ExampleIsPermanent() {
	for _, err := range []error{errors.New("451"), fmt.Errorf("mail: %w", runner.Permanent(errors.New("550")))} {
		fmt.Println(err, runner.IsPermanent(err))
	}
	// Output:
	// 451 false
	// mail: 550 true
}

// Reject is the zero value. Block lets a handler wait for a place, at most that long.
func ExampleBlock() {
	r, err := runner.New(runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Millisecond)})
	if err != nil {
		panic(err)
	}
	busy, free := make(chan struct{}), make(chan struct{})
	_ = r.Go(context.Background(), "report.page", func(context.Context) error { close(busy); <-free; return nil })
	<-busy
	nothing := func(context.Context) error { return nil }
	_ = r.Go(context.Background(), "order.email", nothing) // takes the place
	err = r.Go(context.Background(), "order.email", nothing)
	fmt.Println(errors.Is(err, runner.ErrMaxWait), errors.Is(err, runner.ErrQueueFull))
	close(free)
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: true true
}

// A helper that wraps all callbacks: records name what it wraps.
func ExampleWraps() {
	r, err := runner.New(runner.Config{Observers: []runner.Observer{{
		Failed: func(_ context.Context, info runner.FinishedInfo) {
			_, name, _ := strings.Cut(info.Function().Name, "runner_test.")
			fmt.Println(name, "failed:", info.Err)
		},
	}}})
	if err != nil {
		panic(err)
	}
	inTransaction := func(fn func(context.Context) error) error {
		return r.Go(context.Background(), "order.email", func(ctx context.Context) error {
			return fn(ctx) // between begin and commit
		}, runner.Wraps(fn))
	}
	_ = inTransaction(sendMail)
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: sendMail failed: 550 no such mailbox
}

func sendMail(context.Context) error { return errors.New("550 no such mailbox") }

// A package with an After of its own: spans name the line that calls it.
func ExampleCaller() {
	r, err := runner.New(runner.Config{Observers: []runner.Observer{{
		WantsCaller: func(context.Context) bool { return true },
		Accepted: func(ctx context.Context, info runner.AcceptedInfo) context.Context {
			frame, _ := runtime.CallersFrames([]uintptr{info.Caller}).Next()
			fmt.Println(frame.Function[strings.LastIndex(frame.Function, "runner_test.")+len("runner_test."):])
			return ctx
		},
	}}})
	if err != nil {
		panic(err)
	}
	mailLater := func() {
		var pcs [1]uintptr
		runtime.Callers(2, pcs[:]) // the line that calls mailLater
		_ = r.Go(context.Background(), "order.email", func(context.Context) error { return nil }, runner.Caller(pcs[0]))
	}
	mailLater()
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: ExampleCaller
}
