package tests

import (
	"context"
	"errors"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// askDo has a goroutine of its own call Do.
func (w *world) askDo(o op) {
	before := w.before()
	scope := w.scope(o[1])
	ctx := context.Background()
	if scope != nil {
		ctx = scope.ctx
	}
	j := w.newJob(o.spec().forDo(), nil, scope, nil)
	ctx, j.stop = context.WithCancelCause(context.WithValue(ctx, jobKey{}, j))
	go func() {
		defer w.left(j)
		w.do(ctx, j)
	}()
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asking = append(w.asking, j)
	switch {
	case j.gone, w.slow && j.phase == wanted:
	case before.Closed:
		w.require(errors.Is(j.err, runner.ErrClosed), "answer", "%v was asked for after Shutdown and told %v", j, j.err)
	case before.Replaced == w.cfg.MaxStuck:
		w.require(errors.Is(j.err, runner.ErrStuck), "answer", "%v was asked for while %d are stuck and told %v", j, before.Replaced, j.err)
	default:
		w.require(j.phase != wanted && j.phase != refused, "answer", "Do of %v returned %v", j, j.err)
	}
}

// do calls Do, and holds what it returns.
func (w *world) do(ctx context.Context, j *job) {
	w.mu.Lock()
	j.inCaller, j.asker = true, ctx
	w.mu.Unlock()
	err := w.runner.Do(ctx, j.spec.name, w.function(j), w.options(j)...)
	w.mu.Lock()
	defer w.mu.Unlock()
	j.answered = true
	if w.sight != seesAll {
		w.guessDone(j, err)
	}
	var panicked *runner.PanicError
	switch {
	case j.phase == refused:
		w.require(j.err == err, "answer", "Do of %v returned %v, its observers are told %v", j, err, j.err) //nolint:errorlint // the very same
	case !j.entered:
		w.require(errors.Is(err, runner.ErrShutdown) && w.drains.mayCancel(time.Now()), "answer", "Do of %v returned %v, and it has not run", j, err)
	case j.result.end == panics:
		w.require(errors.As(err, &panicked), "answer", "Do of %v returned %v, and it has panicked", j, err)
	case j.result.end == exits:
		w.failf("answer", "Do of %v returned %v, and it has ended the goroutine", j, err)
	default:
		w.require(errors.Is(err, j.result.err) && (err == nil) == (j.result.err == nil), "answer", "Do of %v returned %v, not %v", j, err, j.result.err)
	}
}

// doNested runs a callback within another.
func (w *world) doNested(ctx context.Context, by *job, s spec) {
	j := w.newJob(s.forDo(), nil, by.within, by)
	w.mu.Lock()
	by.doing = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		by.doing, by.did, j.gone = false, time.Now(), !j.answered
	}()
	defer w.rethrow()
	w.do(context.WithValue(ctx, jobKey{}, j), j)
}
