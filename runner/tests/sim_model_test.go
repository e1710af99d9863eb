package tests

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// model is what a program knows of its callbacks: each one's way, as its
// answers, its observers and the callback itself tell it. Every event is held
// against it at once, and the whole against Stats whenever the bubble is quiet
// (sim_check_test.go).
type model struct {
	cfg   runner.Config // with its defaults
	sight sight
	slow  bool          // observers take time, and what they are told lags behind
	pokes chan struct{} // has the watcher take a snapshot; nil: there is none

	mu       sync.Mutex // guards all that follows, and the jobs
	fault    *fault     // the first
	jobs     []*job
	live     []*job // those that have not come to their end
	ends     []*job // that have come to it since the last look
	books    books
	rare     rare
	merged   []*job    // coalesced since the last look
	evicted  []*job    // since the last look
	lastEnd  time.Time // of a job
	looked   time.Time // the runner saw where a job hangs
	mayLook  time.Time // by then it may look again, whatever it has seen
	dues     int       // numbers callbacks as they become due
	calls    int       // of observers
	panicked uint64    // of those, with a panic
	calm     bool      // no observer exits any more
	busy     int       // observers and gates that take their time
	drains   drains
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
	spec     spec
	id       int
	scope    *simScope // whose release it waits for; nil: none
	within   *simScope // which its context comes from; nil: none
	nested   bool
	byDo     bool // a callback of Do has asked for it, which holds no worker
	inCaller bool // Do runs it
	later    bool // a goroutine that a callback has left asks for it
	open     bool // its scope was when it was asked for
	letGo    chan struct{}
	batch    *batch          // that it was asked for in; nil: none
	asker    context.Context // of Do; nil: none

	telling atomic.Int32 // calls of observers under way

	// The rest is guarded by the model's mu.
	phase    phase
	child    *job      // which it is asking for with its very context
	doing    bool      // it runs another one with Do
	did      time.Time // it has run that one
	askedAt  time.Time
	answered bool
	gone     bool // its asker's goroutine has ended without an answer
	waited   bool // the answer took time
	folded   bool
	took     time.Time // it was accepted
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
	stuck    bool // this attempt
	late     bool // StartedLate has been called for this attempt
	failed   bool // Failed has been called
	result   result
	resumes  time.Time
	last     bool // its backoff has ended the attempts
	exited   bool // an observer of its start has ended the goroutine
	cut      bool // an observer of its end has
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

// jobKey is the key of the innermost *job or *batch of a context.
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
	j := &job{spec: s, id: len(m.jobs), scope: scope, within: within, nested: by != nil, byDo: by != nil && by.inCaller && (!by.nested || by.byDo), askedAt: time.Now(), letGo: make(chan struct{})}
	j.open = scope != nil && !scope.released
	m.jobs = append(m.jobs, j)
	m.live = append(m.live, j)
	return j
}

// isDue reports whether nothing but workers and limits holds an accepted job
// back. mu is held.
func (j *job) isDue() bool {
	return j.phase == accepted && j.order > 0 || j.phase == paused && !time.Now().Before(j.resumes)
}

// becomesDue numbers jobs in the order they become due. mu is held.
func (m *model) becomesDue(j *job, at time.Time) {
	m.dues++
	j.order, j.due = m.dues, at
}

// enter notes that the function of j begins to run.
func (m *model) enter(ctx context.Context, j *job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.sight != seesAll {
		m.guessStart(j, now)
	}
	m.require(j.phase == started || j.phase == ended && j.outcome == runner.OutcomeAbandoned, "order of events", "%v runs", j)
	m.require(!j.inside && !j.entered, "runs once", "%v runs twice in one attempt", j)
	m.require(!j.open || j.scope.released, "after means after", "%v runs before its scope is released", j)
	m.require(!j.skip, "gates decide", "%v runs, its gate said no", j)
	j.inside, j.entered = true, true
	if limit := m.cfg.Limits[j.spec.name]; limit > 0 && !j.inCaller {
		n, _ := m.shares(j.spec.name, now)
		m.require(n <= limit, "limits", "%d of %q run, %d may", n, j.spec.name, limit)
	}
	if ctx.Err() != nil {
		m.checkCause(ctx, j, now)
	}
	m.checkDeadline(ctx, j)
	m.checkRequest(ctx, j)
	draining := runner.Draining(ctx)
	m.require(draining != nil, "draining", "%v does not see the drain", j)
	select {
	case <-draining:
		m.require(m.drains.begun, "draining", "%v sees a drain", j)
	default:
	}
}

// checkDeadline holds the deadline of a context. That of Do has its caller's too.
// mu is held.
func (m *model) checkDeadline(ctx context.Context, j *job) {
	deadline, ok := ctx.Deadline()
	timeout := m.timeoutOf(j)
	want, wanted := time.Time{}, timeout > 0
	if wanted {
		want = j.started.Add(timeout)
	}
	if j.asker != nil {
		if of, ok := j.asker.Deadline(); ok && (!wanted || of.Before(want)) {
			want, wanted = of, true
		}
	}
	m.require(ok == wanted && deadline.Equal(want), "context", "%v has the deadline %v (%t), started %v, timeout %v", j, deadline, ok, j.started, timeout)
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
	if m.sight != seesAll {
		m.guessEnd(j)
	}
}

// checkCause holds the cause of an ended context against the clock. mu is held.
func (m *model) checkCause(ctx context.Context, j *job, now time.Time) {
	if m.byAsker(j, context.Cause(ctx)) {
		return
	}
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

// byAsker reports whether the caller of Do may have ended the context of j with that
// cause. mu is held.
func (m *model) byAsker(j *job, cause error) bool {
	return j.asker != nil && j.asker.Err() != nil && context.Cause(j.asker) == cause //nolint:errorlint // the very same
}

func (m *model) timeoutOf(j *job) time.Duration {
	if j.spec.timeout != 0 {
		return max(j.spec.timeout, 0)
	}
	return max(m.cfg.Timeout, 0)
}
