package tests

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// model is what a program knows of its callbacks: each one's way, as its
// answers, its observers and the callback itself tell it. Every event is held
// against it at once, and the whole against Stats whenever the bubble is quiet
// (sim_check_test.go).
type model struct {
	cfg  runner.Config // with its defaults
	slow bool          // observers take time, and what they are told lags behind

	mu     sync.Mutex // guards all that follows, and the jobs
	fault  *fault     // the first
	jobs   []*job
	live   []*job // those that have not come to their end
	seen   runner.Outcomes
	asked  uint64 // accepted and rejected ones
	merged []*job // coalesced since the last look
	dues   int    // numbers callbacks as they become due
	calls  int    // of observers
	calm   bool   // no observer exits any more
	busy   int    // of those, under way
	drains drains
}

// fault is a broken promise.
type fault struct{ check, text string }

func (f *fault) String() string { return f.check + ": " + f.text }

// phase is where a callback is on its way.
type phase uint8

const (
	wanted   phase = iota // After has been called and has not decided
	accepted              // reserved or due
	started
	paused // between two attempts, or due again
	ended
	refused
)

var phaseNames = [...]string{"wanted", "accepted", "started", "paused", "ended", "refused"}

// job is one callback that was asked for.
type job struct {
	spec      spec
	id        int
	scope     *simScope // whose release it waits for; nil: none
	within    *simScope // which its context comes from; nil: none
	nested    bool
	byTracked bool // which holds no worker
	tracked   bool
	open      bool // its scope was when it was asked for
	letGo     chan struct{}

	// The rest is guarded by the model's mu.
	phase    phase
	child    *job // which it is asking for with its very context
	askedAt  time.Time
	answered bool
	waited   bool // the answer took time
	stop     context.CancelCauseFunc
	depth    int // of the queue as it was accepted
	due      time.Time
	order    int // in which it became due; 0: it is not
	gated    int // times its gate was asked
	skip     bool
	gateBad  bool
	attempt  int
	started  time.Time
	inside   bool // the function runs
	entered  bool // it has, this attempt
	overran  bool // this attempt
	result   result
	resumes  time.Time
	last     bool // its backoff has ended the attempts
	exited   bool // an observer of its start has ended the goroutine
	outcome  runner.Outcome
	err      error     // it ended with
	at       time.Time // it, or its last attempt but this one, ended
	first    time.Time // it started for the first time
}

// result is how a function ended, and what had ended its context by then.
type result struct {
	end   ending
	err   error
	cause error
}

func (j *job) String() string {
	return fmt.Sprintf("job %d (%s, %v, attempt %d)", j.id, j.spec.name, phaseNames[j.phase], j.attempt)
}

type jobKey struct{}

func jobFrom(ctx context.Context) *job {
	j, _ := ctx.Value(jobKey{}).(*job)
	return j
}

// failf notes a fault. mu is held.
func (m *model) failf(check, format string, args ...any) {
	if m.fault == nil {
		m.fault = &fault{check, fmt.Sprintf(format, args...)}
	}
}

// require notes a fault unless ok. mu is held.
func (m *model) require(ok bool, check, format string, args ...any) {
	if !ok {
		m.failf(check, format, args...)
	}
}

func (m *model) failed() *fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fault
}

// newJob notes that a callback is about to be asked for.
func (m *model) newJob(s spec, scope, within *simScope, by *job) *job {
	m.mu.Lock()
	defer m.mu.Unlock()
	j := &job{spec: s, id: len(m.jobs), scope: scope, within: within, nested: by != nil, byTracked: by != nil && by.tracked, askedAt: time.Now(), letGo: make(chan struct{})}
	j.open = scope != nil && !scope.released
	m.jobs = append(m.jobs, j)
	m.live = append(m.live, j)
	return j
}

// isDue tells whether nothing but workers and limits holds an accepted job
// back. mu is held.
func (j *job) isDue() bool {
	return j.phase == accepted && j.order > 0 || j.phase == paused && !time.Now().Before(j.resumes)
}

// becomesDue numbers jobs in the order they become due. mu is held.
func (m *model) becomesDue(j *job, at time.Time) {
	m.dues++
	j.order, j.due = m.dues, at
}

// answer notes what After returned.
func (m *model) answer(j *job, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j.answered, j.waited = true, !j.askedAt.Equal(time.Now())
	if errors.Is(err, runner.ErrNoScope) {
		m.require(j.scope == nil && j.spec.once != "" && j.phase == wanted, "answer", "%v has no scope", j)
		j.phase = refused
		return
	}
	m.require((err == nil) == (j.phase != refused && j.phase != wanted), "answer", "%v was told %v", j, err)
	if err != nil {
		m.require(j.err == err, "answer", "%v was told %v, its observers %v", j, err, j.err) //nolint:errorlint // the very same
	}
	limit := time.Duration(0)
	switch {
	case m.cfg.Overflow == runner.RunInCaller:
		return
	case m.cfg.Overflow == runner.Block && (!j.nested || j.byTracked):
		limit = m.cfg.MaxWait
	}
	took := time.Since(j.askedAt)
	m.require(took <= limit || m.slow, "never waits", "asking for %v took %v", j, took)
}

// enter notes that the function of j begins to run.
func (m *model) enter(ctx context.Context, j *job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	m.require(j.phase == started || j.phase == ended && j.outcome == runner.Abandoned, "order of events", "%v runs", j)
	m.require(!j.inside && !j.entered, "runs once", "%v runs twice in one attempt", j)
	m.require(!j.open || j.scope.released, "after means after", "%v runs before its scope is released", j)
	m.require(!j.skip, "gates decide", "%v runs, its gate said no", j)
	j.inside, j.entered = true, true
	if limit := m.cfg.Limits[j.spec.name]; limit > 0 && !j.tracked {
		n, _ := m.shares(j.spec.name, now)
		m.require(n <= limit, "limits", "%d of %q run, %d may", n, j.spec.name, limit)
	}
	if ctx.Err() != nil {
		m.checkCause(ctx, j, now)
	}
	deadline, ok := ctx.Deadline()
	timeout := m.timeoutOf(j)
	m.require(ok == (timeout > 0), "context", "%v has a deadline: %t, its timeout is %v", j, ok, timeout)
	if ok {
		m.require(deadline.Equal(j.started.Add(timeout)), "context", "%v has the deadline %v, started %v, timeout %v", j, deadline, j.started, timeout)
	}
	m.checkRequest(ctx, j)
}

// leave notes how the function of j ends.
func (m *model) leave(ctx context.Context, j *job, end ending, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j.inside = false
	j.result = result{end, err, context.Cause(ctx)}
	if ctx.Err() != nil {
		m.checkCause(ctx, j, time.Now())
	}
}

// checkCause holds the cause of an ended context against the clock. mu is held.
func (m *model) checkCause(ctx context.Context, j *job, now time.Time) {
	switch cause := context.Cause(ctx); cause {
	case runner.ErrTimeout:
		timeout := m.timeoutOf(j)
		m.require(timeout > 0 && !now.Before(j.started.Add(timeout)), "context", "%v timed out after %v of %v", j, now.Sub(j.started), timeout)
	case runner.ErrShutdown:
		m.require(m.drains.mayCancel(now), "context", "%v was canceled by no shutdown", j)
	default:
		m.failf("context", "%v has a context that ended by %v", j, cause)
	}
}

func (m *model) timeoutOf(j *job) time.Duration {
	if j.spec.timeout != 0 {
		return max(j.spec.timeout, 0)
	}
	return max(m.cfg.Timeout, 0)
}

// checkRequest holds what RequestFrom says against what the handler did. mu is
// held.
func (m *model) checkRequest(ctx context.Context, j *job) {
	req, ok := runner.RequestFrom(ctx)
	s := j.within.request()
	switch {
	case s == nil:
		m.require(!ok, "request", "%v belongs to none and has one", j)
	case j.scope == s:
		m.require(ok, "request", "%v has none", j)
		m.require(req.Status == s.response.status && req.Panicked == s.response.panics && req.Aborted == s.response.aborts, "request", "%v has %+v, not %v", j, req, s.response)
	}
}

// askedGate notes what the gate of j says.
func (w *world) askedGate(j *job, req runner.Request) (yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.gated++
	w.require(j.gated == 1, "gates decide", "%v: its gate was asked %d times", j, j.gated)
	w.require(!j.open || j.scope.released, "gates decide", "%v: its gate was asked before its scope was released", j)
	w.require(j.within.request() != nil, "gates decide", "%v: its gate was asked without a request", j)
	j.gateBad, j.skip = true, true // unless it returns
	yes = j.spec.gate(req)
	j.gateBad, j.skip = false, !yes
	return yes
}
