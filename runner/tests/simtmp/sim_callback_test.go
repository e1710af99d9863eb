package tests

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// hangTime is how long a callback hangs that nobody lets go.
const hangTime = 45 * time.Second

// function is what the runner is given for a job.
func (w *world) function(j *job) func(context.Context) error {
	return func(ctx context.Context) error {
		w.enter(ctx, j)
		end, err := exits, error(nil) // unless it goes on to its end
		func() {
			defer func() { w.leave(ctx, j, end, err) }()
			w.work(ctx, j)
			end, err = w.ending(ctx, j)
		}()
		if err != nil && end == returnsError {
			return err
		}
		return end.run()
	}
}

// work is what the function does before it ends.
func (w *world) work(ctx context.Context, j *job) {
	length := j.spec.length
	if length > 0 && !w.head.coarse() {
		length += time.Duration(j.id)*time.Microsecond + time.Duration(j.attempt) // no two at one instant
	}
	w.rest(length / 2)
	for _, child := range j.spec.children {
		w.askNested(ctx, j, child)
	}
	for _, child := range j.spec.laters {
		w.askLater(ctx, j, child)
	}
	w.rest(length - length/2)
	switch {
	case j.spec.hangs:
		select {
		case <-j.letGo:
		case <-time.After(w.hangFor(j)):
		}
	case j.spec.heeds:
		select {
		case <-ctx.Done():
		case <-time.After(hangTime):
		}
	}
}

// hangFor is how long a hanging function stays if nobody lets it go.
func (w *world) hangFor(j *job) time.Duration {
	d := j.spec.hangFor
	if d == 0 {
		d = hangTime
	}
	return w.apart(j, d)
}

func (w *world) rest(d time.Duration) {
	if d > 0 {
		w.sleep(d)
	}
}

// ending is how this attempt ends: as the spec says, or well. One that heeded
// its context returns its error.
func (w *world) ending(ctx context.Context, j *job) (ending, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case j.spec.heeds && ctx.Err() != nil:
		return returnsError, context.Cause(ctx)
	case j.attempt >= j.spec.goodFrom:
		return returnsNil, nil
	case j.spec.end == returnsError:
		return returnsError, errSim
	case j.spec.end == returnsPermanent:
		return returnsPermanent, errPermanent
	case j.spec.end == panics:
		return panics, errSim
	}
	return j.spec.end, nil
}

// askNested asks for a callback from within another, whatever room there is.
func (w *world) askNested(ctx context.Context, by *job, s spec) {
	scope, within := by.within, by.within
	how := ask(runner.After)
	switch by.spec.how {
	case 1:
		how, scope = w.runner.Go, nil
	case 2:
		how = w.runner.After
	}
	j := w.newJob(s, scope, within, by)
	if by.spec.bare {
		w.mu.Lock()
		by.child = j
		w.mu.Unlock()
	} else {
		ctx = context.WithValue(ctx, jobKey{}, j)
	}
	if by.spec.how == 3 && !by.spec.bare { // with a context that says nothing of the callback
		how, j.scope, j.within, j.open, j.nested = w.runner.Go, nil, nil, false, false
		ctx = context.WithValue(context.Background(), jobKey{}, j)
	}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		by.child = nil
	}()
	w.answer(j, how(ctx, s.name, w.function(j), w.options(j)...))
}

// track takes in work that a goroutine of the program does.
func (w *world) track(o op) {
	s := o.spec()
	ctx := context.Background()
	scope := w.scope(o[1])
	if scope != nil {
		ctx = scope.ctx
	}
	s.attempts, s.once, s.coalesce, s.gate = 0, "", "", nil
	j := w.newJob(s, nil, scope, nil)
	j.tracked = true
	ctx, done, err := w.runner.Track(context.WithValue(ctx, jobKey{}, j), s.name, w.options(j)...)
	w.answer(j, err)
	if err != nil {
		return
	}
	w.enter(ctx, j)
	go func() {
		w.work(ctx, j)
		end, err := w.ending(ctx, j)
		if end != returnsNil && end != returnsError {
			end, err = returnsNil, nil
		}
		w.leave(ctx, j, end, err)
		done(err)
		done(errSim) // says nothing new
	}()
}

// release lets a hanging function go; it returns false if that was done.
func (j *job) release() bool {
	select {
	case <-j.letGo:
		return false
	default:
		close(j.letGo)
		return true
	}
}

// panicNow panics in every third call of an observer.
func (w *world) panicNow() {
	w.mu.Lock()
	w.calls++
	bad := w.calls%3 == 0
	w.mu.Unlock()
	if bad {
		panic("sim: observer")
	}
}

// takeTime holds up every other call of an observer.
func (w *world) takeTime() {
	w.mu.Lock()
	w.calls++
	slow := w.calls%2 == 0
	w.busy++
	w.mu.Unlock()
	if slow {
		w.pass(w.head.slowness())
	}
	w.mu.Lock()
	w.busy--
	w.mu.Unlock()
}

// observerOf does the same at every event.
func observerOf(do func()) runner.Observer {
	return runner.Observer{
		Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context { do(); return ctx },
		Rejected: func(context.Context, runner.RejectedInfo) { do() },
		Started:  func(ctx context.Context, _ runner.StartedInfo) context.Context { do(); return ctx },
		Retried:  func(context.Context, runner.RetriedInfo) { do() },
		Overrun:  func(context.Context, runner.OverrunInfo) { do() },
		Finished: func(context.Context, runner.FinishedInfo) { do() },
	}
}
