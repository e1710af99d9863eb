package tests

import (
	"context"
	"runtime"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// exits tells that an observer ends its goroutine now and then. The callback
// may run all the same, or end with ErrGoexit before it has begun; everything
// else must go on.
func (h head) exits() bool { return h[9]>>3&7 == 7 }

// exitNow ends the goroutine in every fifth call.
func (w *world) exitNow(started *job) {
	w.mu.Lock()
	w.calls++
	exit := w.calls%5 == 0 && !w.calm
	if exit && started != nil {
		started.exited = true
	}
	w.mu.Unlock()
	if exit {
		runtime.Goexit()
	}
}

// exiting is the observer of such programs.
func (w *world) exiting() runner.Observer {
	o := observerOf(func() { w.exitNow(nil) })
	o.Started = func(ctx context.Context, _ runner.StartedInfo) context.Context {
		w.exitNow(jobFrom(ctx))
		return ctx
	}
	return o
}

// backoff notes the wait that j is given, or that there is none because the
// backoff ends badly, and j with it.
func (w *world) backoff(j *job, n int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(n == j.attempt, "attempts", "backoff of %v is asked about attempt %d", j, n)
	switch j.spec.backoffEnd {
	case panics:
		j.last, j.result.end = true, panics
		panic(errSim)
	case exits:
		j.last = true
		runtime.Goexit()
	}
	return j.spec.backoff
}
