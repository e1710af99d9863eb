package tests

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// hangTime is how long a callback hangs that nobody lets go.
const hangTime = 45 * time.Second

// function is what the runner is given for a job.
//
//go:noinline
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
	for i, child := range j.spec.children {
		if j.spec.does && i == len(j.spec.children)-1 {
			w.doNested(ctx, j, child)
		} else {
			w.askNested(ctx, j, child)
		}
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
		if j.gone = !j.answered; !j.gone || j.phase != wanted {
			by.child = nil // otherwise another goroutine may yet tell the observers
		}
	}()
	defer w.rethrow()
	w.answer(j, how(ctx, s.name, w.function(j), w.options(j)...))
}

// rethrow notes a panic of the runner, which would take it for one of the callback.
func (w *world) rethrow() {
	if v := recover(); v != nil {
		w.caught(v)
		panic(v)
	}
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
func (w *world) panicNow(context.Context) {
	w.mu.Lock()
	w.calls++
	bad := w.calls%3 == 0
	if bad {
		w.panicked++
	}
	w.mu.Unlock()
	if bad {
		panic("sim: observer")
	}
}

// panicking is the observer of programs where one panics.
func (w *world) panicking() runner.Observer {
	o := observerOf(w.panicNow)
	o.WantsCaller = func(ctx context.Context) bool { w.panicNow(ctx); return false }
	o.TraceID = func(ctx context.Context) string { w.panicNow(ctx); return "" }
	return o
}

// takeTime holds up every other call of an observer.
func (w *world) takeTime(context.Context) {
	w.mu.Lock()
	w.calls++
	slow := w.calls%2 == 0
	w.mu.Unlock()
	if slow {
		w.takeTimeFor(w.head.slowness())
	}
}

// takeTimeFor lets time pass of which the model knows that the runner's user needs
// it.
func (w *world) takeTimeFor(d time.Duration) {
	w.mu.Lock()
	w.busy++
	w.mu.Unlock()
	w.pass(d)
	w.mu.Lock()
	w.busy--
	w.mu.Unlock()
}
