package runner

import (
	"context"
	"sync/atomic"
	"time"
)

// callbackContext is what a callback is called with: the asker's values, with
// the deadline of the attempt and the runner's cancellation. Its timer and its
// channel cost more than the callback's whole way through the runner, so they
// are made when somebody first asks for them.
//
// A callback may keep its context, so each attempt has one of its own, which
// knows nothing of the task: that is used again for another callback.
type callbackContext struct {
	runner *Runner
	name   string

	// asker is the asker's context with what observers of Accepted added. It is
	// written by the goroutine that calls them, and read by others once they have
	// seen, under mu, that the task is not observed.
	asker context.Context
	// values are what observers of Started made of it; nil before the start. It is
	// written and read as asker is, with those observers.
	values context.Context
	// labels has nothing but the goroutine's pprof labels; nil before fn is called.
	labels context.Context

	deadline moment // 0: none. Written at the start
	tracked  bool   // Track returned it. Written by that
	here     bool   // the callback runs in its caller (RunInCaller). Written before the start

	inner atomic.Pointer[canceler] // nil: not asked for yet
}

// canceler is a context that can be canceled.
type canceler struct {
	context.Context
	cancel context.CancelFunc
}

// attemptEnded is the canceler of all attempts that ended before anybody asked for
// one. What happens later, such as their deadlines, is not why they ended.
var attemptEnded = func() *canceler {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &canceler{ctx, cancel}
}()

// forAnother returns the context of the next attempt.
func (c *callbackContext) forAnother() *callbackContext {
	return &callbackContext{runner: c.runner, name: c.name, asker: c.asker}
}

// start says that the attempt starts. mu is held.
func (c *callbackContext) start(at moment, timeout time.Duration) {
	c.values = c.asker
	if timeout > 0 {
		c.deadline = at.add(timeout)
	}
}

// canceler returns the context that does what can be canceled.
func (c *callbackContext) canceler() context.Context {
	for {
		if known := c.inner.Load(); known != nil {
			return known.Context
		}
		made := c.newCanceler()
		if c.inner.CompareAndSwap(nil, made) {
			return made.Context
		}
		made.cancel() // another was quicker, or the attempt has ended
	}
}

func (c *callbackContext) newCanceler() *canceler {
	made := new(canceler)
	base := c.runner.base
	if deadline, ok := c.Deadline(); ok {
		made.Context, made.cancel = context.WithDeadlineCause(base, deadline, ErrTimeout)
	} else {
		made.Context, made.cancel = context.WithCancel(base)
	}
	return made
}

// end cancels the context, as the attempt is over.
func (c *callbackContext) end() {
	if !c.inner.CompareAndSwap(nil, attemptEnded) {
		c.inner.Load().cancel()
	}
}

// Deadline implements [context.Context].
func (c *callbackContext) Deadline() (time.Time, bool) {
	return c.runner.clock.at(c.deadline), c.deadline != 0
}

// Done implements [context.Context].
func (c *callbackContext) Done() <-chan struct{} { return c.canceler().Done() }

// Err implements [context.Context].
func (c *callbackContext) Err() error { return c.canceler().Err() }

// Value implements [context.Context].
func (c *callbackContext) Value(key any) any {
	if key == (callbackKey{}) {
		return c
	}
	// The runner's own context has no value but the one by which package
	// context finds a cancelable parent. It has to be this attempt's, not the
	// asker's.
	if c.runner.base.Value(key) != nil {
		return c.canceler().Value(key)
	}
	if v := c.labels.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}

// String implements [fmt.Stringer]: fmt would read what others write.
func (c *callbackContext) String() string { return "runner.Callback(" + c.name + ")" }

type callbackKey struct{}

// callbackFrom returns the context of the callback that ctx is or stems from; nil
// if there is none.
func callbackFrom(ctx context.Context) *callbackContext {
	if ctx == nil {
		panic("runner: nil Context")
	}
	c, _ := ctx.Value(callbackKey{}).(*callbackContext)
	return c
}

// askerValues is the context of a callback's asker without its cancellation and
// its deadline: what context.WithoutCancel returns, at no cost.
type askerValues callbackContext

// Deadline implements [context.Context].
func (*askerValues) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (*askerValues) Done() <-chan struct{} { return nil }

// Err implements [context.Context].
func (*askerValues) Err() error { return nil }

// Value implements [context.Context].
func (a *askerValues) Value(key any) any {
	if a.runner.base.Value(key) != nil { // it asks for what can be canceled
		return nil
	}
	return a.asker.Value(key)
}

// String implements [fmt.Stringer], as that of callbackContext.
func (a *askerValues) String() string { return "runner.AskerOf(" + a.name + ")" }
