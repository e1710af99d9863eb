package runnertest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

const (
	// defaultStuckAfter is what Config.StuckAfter is if it says nothing.
	defaultStuckAfter = time.Second
	// slack is how long a callback is waited for after it was found stuck.
	slack = 5 * time.Second
	// drainTime is what callbacks get to end in at the end of the test.
	drainTime = 5 * time.Second
)

// Runner is a [runner.Runner] for one test. Give the embedded one to the code
// under test, if that code wants one.
type Runner struct {
	*runner.Runner
	// Recorder has seen every callback of this runner.
	Recorder *Recorder

	t          T
	stuckAfter time.Duration
	failOn     []runner.Outcome
}

// New returns a runner that is shut down at the end of the test. cfg is used
// as it is, with one exception: Workers of 0 means 1 here, so that callbacks run one after the
// other and a test needs no locks. A test whose callbacks wait for one another
// must ask for more. In a bubble, t must be the bubble's.
//
// The end of the test waits up to 5 s for the callbacks that are left. It fails
// the test for each one that has not ended then, by name: its scope was never
// released, or it hangs, and the stack shows where. Callbacks that a call of
// Shutdown by the test itself has lost are in the Report that it got. Panics of
// callbacks fail the test too, unless [FailOn] says otherwise, and so do those
// of observers.
//
// A cfg that cannot be used stops the test.
func New(t T, cfg runner.Config, opts ...Option) *Runner {
	t.Helper()
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	rt := &Runner{Recorder: new(Recorder), t: t, stuckAfter: cfg.StuckAfter, failOn: []runner.Outcome{runner.OutcomePanic}}
	if rt.stuckAfter == 0 {
		rt.stuckAfter = defaultStuckAfter
	}
	for _, o := range opts {
		rt.failOn = o.failOn
	}
	// The last one, so that the others have seen all when a wait is over.
	cfg.Observers = append(slices.Clone(cfg.Observers), rt.Recorder.Observer())
	r, err := runner.New(cfg)
	if err != nil {
		t.Fatalf("runnertest: %v", err)
		return nil
	}
	rt.Runner = r
	t.Cleanup(rt.end)
	return rt
}

// Run calls fn with the context of a scope, as an RPC or a command has it. It
// releases the scope with fn's error, which callbacks find in Request.Err, and
// returns that error when everything has ended that was asked for with the
// context: with After, AfterAll, Go or Do, by fn or, to any depth, by the callbacks.
// A goroutine that fn leaves behind is not waited for. If fn panics or fails the
// test, the scope is released with an error, the callbacks run, and then the panic
// or the failure goes on.
//
// The context is the test's: its values, and its end with the test.
func (rt *Runner) Run(fn func(ctx context.Context) error) error {
	rt.t.Helper()
	b := new(batch)
	ctx, release := rt.Scope(rt.Recorder.with(rt.t.Context(), b))
	err := errNotReturned
	defer rt.wait("Run", b)
	defer func() { release(err) }()
	err = fn(ctx)
	return err
}

// errNotReturned is what a scope is released with if its function panics or calls
// runtime.Goexit.
var errNotReturned = errors.New("runnertest: the function has not returned")

// Serve sends req, which [httptest.NewRequest] makes, through this runner's
// Middleware and h, and returns the response when everything has ended that was
// asked for with the request's context: see [Runner.Run]. h may bring a
// Middleware of its own, of this runner or others; only callbacks of this one
// are waited for. With [runner.Runner.Hold] it is h that waits, and one that
// hangs holds Serve until go test's own timeout.
//
// If h panics, the callbacks run, and then Serve panics with the same value, as
// h.ServeHTTP would.
func (rt *Runner) Serve(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	rt.t.Helper()
	b := new(batch)
	w := httptest.NewRecorder()
	// As with a server, the request's context ends when everything has returned.
	ctx, cancel := context.WithCancel(context.WithValue(req.Context(), http.ServerContextKey, new(http.Server)))
	inner := req.WithContext(rt.Recorder.with(ctx, b))
	defer rt.wait("Serve", b)
	defer cancel()
	defer func() { req.Pattern = inner.Pattern }() // as http.ServeMux sets it
	rt.Middleware(h).ServeHTTP(w, inner)
	return w
}

// WaitIdle returns when everything has ended that this runner has accepted,
// wherever it was asked for. That includes callbacks whose response is not done
// yet, so release a scope opened by hand before; what has not been asked for yet
// is not waited for. Use it after requests to a real server, and for Go.
func (rt *Runner) WaitIdle() {
	rt.t.Helper()
	rt.wait("WaitIdle", nil)
}

// wait returns when the callbacks of b have ended, of all batches if b is nil,
// or fails the test if they do not.
func (rt *Runner) wait(what string, b *batch) {
	rt.t.Helper()
	for {
		done, changed, until := rt.Recorder.progress(b)
		if done {
			return
		}
		if !until.IsZero() {
			until = until.Add(rt.stuckAfter + slack)
		}
		if !before(until, changed) {
			rt.t.Errorf("runnertest: %s: callbacks have not ended:\n%s", what, rt.Recorder.unfinished(b))
			return
		}
	}
}

// before waits for c and reports whether it was closed by the time given; zero
// means that there is no hurry.
func before(until time.Time, c <-chan struct{}) bool {
	if until.IsZero() {
		<-c
		return true
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
