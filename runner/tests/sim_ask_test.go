package tests

import (
	"context"
	"errors"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// batch is a call of AfterAll. Its jobs have one context, and the observers see
// them in order.
type batch struct {
	jobs []*job
	stop context.CancelCauseFunc
	seen int // by observers; guarded by the model's mu
}

// asking returns the job that an event of After is about: the next one of a
// batch, or the child of the one whose very context was given to After. mu is held.
func asking(ctx context.Context) *job {
	if b, ok := ctx.Value(jobKey{}).(*batch); ok {
		return b.jobs[b.seen]
	}
	j := jobFrom(ctx)
	if j.child != nil {
		return j.child
	}
	return j
}

// saw notes that the observers have seen what After answers for j. mu is held.
func (j *job) saw() {
	if j.batch != nil {
		j.batch.seen++
	}
}

// longest is how long asking for j may take.
func (m *model) longest(j *job) time.Duration {
	if m.cfg.Overflow > 0 && (!j.nested || j.byDo) {
		return time.Duration(m.cfg.Overflow)
	}
	return 0
}

// answer notes what After returned.
func (m *model) answer(j *job, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j.answered, j.waited = true, !j.askedAt.Equal(time.Now())
	if errors.Is(err, runner.ErrNoScope) {
		m.require(j.scope == nil && (j.spec.once != "" || j.batch != nil) && j.phase == wanted, "answer", "%v has no scope", j)
		j.phase = refused
		return
	}
	if m.sight != seesAll {
		m.guessAnswer(j, err)
	}
	m.require((err == nil) == (j.phase != refused && j.phase != wanted), "answer", "%v was told %v", j, err)
	if err != nil {
		m.require(j.err == err, "answer", "%v was told %v, its observers %v", j, err, j.err) //nolint:errorlint // the very same
	}
	took := time.Since(j.askedAt)
	m.require(took <= m.longest(j) || m.slow, "never waits", "asking for %v took %v", j, took)
}

// left notes that the goroutine that asks ends. A panic of the runner is a fault.
func (w *world) left(jobs ...*job) {
	w.caught(recover())
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range jobs {
		j.gone = !j.answered
	}
}

// caught notes what was recovered from a call of the runner.
func (m *model) caught(v any) {
	if v == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failf("panic", "%v", v)
}

// ask asks for a callback in a scope, or with Go, on a goroutine of its own, as
// handlers have. It predicts what the answer must be.
func (w *world) ask(s spec, scope *simScope) {
	before := w.before()
	ctx, how := context.Background(), ask(w.runner.Go)
	if scope != nil {
		ctx, how = scope.ctx, w.runner.After
		if s.length > 0 {
			how = runner.After
		}
	}
	j := w.newJob(s, scope, scope, nil)
	ctx, j.stop = context.WithCancelCause(context.WithValue(ctx, jobKey{}, j))
	go func() {
		defer w.left(j)
		w.answer(j, how(ctx, s.name, w.function(j), w.options(j)...))
	}()
	w.settle()
	w.predict([]*job{j}, before)
	w.asking = append(w.asking, j)
}

// askAside calls Go on a goroutine of its own and predicts nothing.
func (w *world) askAside(s spec) {
	j := w.newJob(s, nil, nil, nil)
	var ctx context.Context
	ctx, j.stop = context.WithCancelCause(context.WithValue(context.Background(), jobKey{}, j))
	go func() {
		defer w.left(j)
		w.answer(j, w.runner.Go(ctx, j.spec.name, w.function(j), w.options(j)...))
	}()
	w.asking = append(w.asking, j)
}

// askAll calls AfterAll. One call in sixteen has a mistake in it, and asks for
// nothing.
func (w *world) askAll(o op) {
	before := w.before()
	b := new(batch)
	scope := w.scope(o[1])
	ctx := context.Background()
	if scope != nil {
		ctx = scope.ctx
	}
	ctx, b.stop = context.WithCancelCause(context.WithValue(ctx, jobKey{}, b))
	var calls []runner.Call
	for _, s := range o.specs() {
		j := w.newJob(s, scope, scope, nil)
		j.batch, j.stop = b, b.stop
		b.jobs = append(b.jobs, j)
		calls = append(calls, runner.Call{Name: s.name, Func: w.function(j), Options: w.options(j)})
	}
	mistaken := o[7]&15 == 15
	if mistaken {
		calls = append(calls, runner.Call{Name: "nothing"})
	}
	go func() {
		defer w.left(b.jobs...)
		err := runner.AfterAll(ctx, calls...)
		if mistaken && scope != nil {
			w.mistaken(b, err)
			return
		}
		for _, j := range b.jobs {
			w.answer(j, err)
		}
	}()
	w.settle()
	if scope != nil && !mistaken {
		w.predict(b.jobs, before)
	}
	w.asking = append(w.asking, b.jobs[0])
}

// mistaken notes the answer to a call that has a mistake in it.
func (w *world) mistaken(b *batch, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(errors.Is(err, runner.ErrNilFunc), "answer", "AfterAll with a mistake returns %v", err)
	for _, j := range b.jobs {
		w.require(j.phase == wanted, "answer", "%v was asked for with a mistake", j)
		j.phase, j.answered = refused, true
	}
}

// before is what a prediction needs to know.
type before struct {
	runner.Stats
	waiting bool // somebody waits for a place
}

func (w *world) before() before {
	s := w.runner.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	return before{s, len(w.waiters()) > 0}
}

// predict holds the answer against the state before it was asked for: places
// that are free are given, to all or none, and others are not.
func (w *world) predict(jobs []*job, before before) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j, n := jobs[0], len(jobs)
	for _, other := range jobs {
		if other.spec.once != "" { // it may need no place
			return
		}
		w.require((other.phase == wanted) == (j.phase == wanted) && (other.phase == refused) == (j.phase == refused) || w.slow, "answer", "%v and %v were asked for together", j, other)
	}
	taken := j.phase != wanted && j.phase != refused
	free := before.Capacity - before.Depth
	switch {
	case j.gone, w.slow && j.phase == wanted: // the observers are told of the evicted one first
	case before.Closed:
		w.require(errors.Is(j.err, runner.ErrClosed), "answer", "%v was asked for after Shutdown and told %v", j, j.err)
	case before.Replaced == w.cfg.MaxStuck:
		w.require(errors.Is(j.err, runner.ErrStuck), "answer", "%v was asked for while %d are stuck and told %v", j, before.Replaced, j.err)
	case free >= n && !before.waiting:
		w.require(taken, "answer", "%v was told %v at depth %d of %d", j, j.err, before.Depth, before.Capacity)
	case w.cfg.Overflow == runner.Reject || n > before.Capacity:
		w.require(errors.Is(j.err, runner.ErrQueueFull), "answer", "%v was told %v and the queue was full", j, j.err)
	case w.cfg.Overflow == runner.DropOldest:
		w.require(taken == (free+before.Queued >= n), "answer", "%v, one of %d, was told %v, %d places were free and %d due", j, n, j.err, free, before.Queued)
	default: // a place may become free right after
		w.require(j.phase == wanted || j.took.After(j.askedAt) || errors.Is(j.err, context.Canceled) || w.slow && before.waiting, "answer", "%v was told %v and should wait", j, j.err)
	}
}

// waiters returns those who wait for a place under Block. mu is held.
func (m *model) waiters() (all []*job) {
	for _, j := range m.live {
		if m.longest(j) > 0 && j.phase == wanted && !j.gone && !j.answered && !j.inCaller && !j.later {
			all = append(all, j)
		}
	}
	return all
}

// checkWaiters holds that places are given as soon as they are free, and in
// order. mu is held.
func (m *model) checkWaiters(s runner.Stats) {
	waiters := m.waiters()
	if len(waiters) == 0 {
		return
	}
	fits := true // each one that waits
	for _, j := range waiters {
		n := 1
		if j.batch != nil {
			n = len(j.batch.jobs)
		}
		fits = fits && n <= s.Capacity-s.Depth
		m.require(!s.Closed, "places are given", "%v waits, and the runner is closed", j)
		for _, other := range m.live {
			overtaken := other.phase != wanted && other.phase != refused && other.askedAt.After(j.askedAt) && other.spec.once == "" && !other.inCaller
			m.require(!overtaken, "places are given in order", "%v waits, and %v, asked for later, has one", j, other)
		}
	}
	m.require(!fits, "places are given", "%v waits, %d of %d places are taken", waiters[0], s.Depth, s.Capacity)
}

// stopAsker ends the context of one that asked; if it waits for a place, it
// gives up, and otherwise only what Do runs sees it.
func (w *world) stopAsker(o op) {
	if len(w.asking) == 0 {
		return
	}
	i := max(len(w.asking)-1-int(o[1]&7), 0)
	w.asking[i].stop(errStopped)
	w.asking = append(w.asking[:i:i], w.asking[i+1:]...)
}
