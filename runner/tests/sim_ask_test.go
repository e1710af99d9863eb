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
