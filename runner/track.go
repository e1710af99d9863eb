package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// errTrackOption: what Track's caller runs is not the runner's to start.
var errTrackOption = errors.New("runner: Track takes no option but Timeout")

// Track takes in work that the caller has under way itself: a goroutine, an
// errgroup, a call to another library. From now on it counts as a running
// callback of that name: it is observed, shown and awaited by Shutdown, with
// the returned context, which ends as a callback's does. It takes no worker
// and no place of the queue; [Config.Limits] does not hold it back.
//
// done ends it with the outcome that a callback returning err would have;
// calls after the first do nothing. Nobody recovers its panics: a deferred
// done(nil) would call one a success. Work for which done is never called is
// abandoned, by name, at the end of the drain. Work that overruns is told of,
// but holds no worker and does not count towards Config.MaxOverrunning. If an
// observer calls runtime.Goexit in Track, nobody gets done: the work has ended,
// with [ErrGoexit].
//
// ctx may be any context; with a request's, RequestFrom works once the handler
// has returned. The only option is [Timeout]; another one is an error. The
// other errors are [ErrInvalidName], [ErrOverrunning] and [ErrClosed]. A drain
// that gives up just as Track takes the work in may have dropped it when Track
// returns: then the context has ended, or is about to, and done does nothing.
func (r *Runner) Track(ctx context.Context, name string, opts ...Option) (_ context.Context, done func(error), err error) {
	if !validName(name) {
		return nil, nil, fmt.Errorf("%w: got %.100q", ErrInvalidName, name)
	}
	t := r.newTask(ctx, r.detached, name, nil, opts)
	t.ctx.tracked = true
	if t.policy != nil {
		return nil, nil, errTrackOption
	}
	r.mu.Lock()
	if err = r.book(t, r.refusal()); err == nil {
		r.reserved.push(t)
	}
	r.mu.Unlock()
	if err != nil {
		r.observeRejected(t, err)
		return nil, nil, err
	}
	handedOver := false
	defer func() {
		if !handedOver { // an observer has called Goexit: nobody will call done
			r.begun(t)
			r.finish(t, Failed, ErrGoexit, false)
		}
	}()
	started := r.announceTracked(t)
	if started && r.watched.attempts {
		r.begin(t)
	}
	handedOver = true
	tracked := t.ctx
	if !started { // its end may be being reported: t is not written any more
		tracked = t.ctx.forAnother()
		tracked.tracked = true
		tracked.start(r.clock.now(), t.timeout)
	}
	tracked.labels = context.Background()
	var once sync.Once
	return tracked, func(err error) {
		once.Do(func() {
			outcome := Success
			if err != nil {
				outcome = failure(tracked)
			}
			tracked.end()
			r.finish(t, outcome, err, false)
		})
	}, nil
}

// announceTracked tells the observers that t was accepted, and counts it as
// running. It returns false if the drain gave up meanwhile.
func (r *Runner) announceTracked(t *task) (started bool) {
	defer func() { // an observer may call Goexit
		var f followUp
		r.mu.Lock()
		if r.announces(t) {
			f.observed(t)
		}
		if started = t.state == reserved; started {
			t.state, t.released, t.due = queued, t.asked, t.asked
			r.start(t, r.clock.now())
		}
		r.mu.Unlock()
		r.do(&f)
	}()
	r.observeAccepted(t)
	return false
}
