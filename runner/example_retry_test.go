package runner_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// The mail server says no twice. Retry would wait 100 ms and then 200 ms.
func ExampleRetryBackoff() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	attempts := 0
	_ = r.Go(context.Background(), "order.email", func(context.Context) error {
		attempts++
		if attempts < 3 {
			return errors.New("451 try again later")
		}
		fmt.Println("sent with attempt", attempts)
		return nil
	}, runner.RetryBackoff(5, runner.Exponential(time.Millisecond, time.Second)))
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	s := r.Stats()
	fmt.Println(s.Outcomes, "with", s.Retries, "retries")
	// Output:
	// sent with attempt 3
	// 1 success with 2 retries
}

// Another attempt would not help.
func ExamplePermanent() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	_ = r.Go(context.Background(), "order.email", func(context.Context) error {
		fmt.Println("one attempt")
		return runner.Permanent(errors.New("550 no such mailbox"))
	}, runner.Retry(5))
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(r.Stats().Outcomes)
	// Output:
	// one attempt
	// 1 error
}

// The partner answers 429, and says in Retry-After when to come back.
func ExampleRetryIn() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	attempts := 0
	_ = r.Go(context.Background(), "order.webhook", func(context.Context) error {
		attempts++
		if attempts == 1 {
			const retryAfter = time.Millisecond // of the answer's header
			return runner.RetryIn(errors.New("429 too many requests"), retryAfter)
		}
		fmt.Println("delivered with attempt", attempts)
		return nil
	}, runner.RetryBackoff(5, runner.Exponential(time.Hour, time.Hour)))
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: delivered with attempt 2
}

// A helper that logs what comes next.
func ExampleRetryWait() {
	err := fmt.Errorf("order 7: %w", runner.RetryIn(errors.New("429 too many requests"), time.Minute))
	if wait, ok := runner.RetryWait(err); ok {
		fmt.Println(err, "- again in", wait)
	}
	// Output: order 7: 429 too many requests - again in 1m0s
}
