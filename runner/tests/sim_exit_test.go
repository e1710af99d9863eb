package tests

import (
	"context"
	"runtime"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// exits reports whether an observer ends its goroutine now and then. The callback
// may run all the same, or end with ErrGoexit before it has begun; everything
// else must go on.
func (h head) exits() bool { return h.sight() == seesAll && h[9]>>3&7 == 7 }

// exitNow ends the goroutine in every fifth call.
func (w *world) exitNow(ctx context.Context) {
	w.mu.Lock()
	w.calls++
	exit := w.calls%5 == 0 && !w.calm
	if j := jobFrom(ctx); exit && j != nil {
		switch {
		case j.phase == started && !j.entered:
			j.exited = true // it does not run
		case j.phase == ended:
			j.cut = true // the others do not see its end
		case j.inCaller && (j.phase == wanted || j.phase == accepted):
			j.exited = true // its caller's goroutine goes
		}
	}
	w.mu.Unlock()
	if exit {
		runtime.Goexit()
	}
}

// exiting is the observer of such programs.
func (w *world) exiting() runner.Observer {
	o := observerOf(w.exitNow)
	o.WantsCaller = func(ctx context.Context) bool { w.exitNow(nothingOf(ctx)); return false }
	o.TraceID = func(ctx context.Context) string { w.exitNow(nothingOf(ctx)); return "" }
	return o
}

// nothingOf hides whose context it is.
func nothingOf(context.Context) context.Context { return context.Background() }

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
