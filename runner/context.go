package runner

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// callbackContext is what a callback is called with: the asker's values, with
// the deadline of the attempt and the runner's cancellation. Each attempt has one
// of its own. The runner's watch ends it at its deadline, so it needs no timer;
// its channel is made when somebody first asks for it.
type callbackContext struct {
	runner *Runner
	name   string
	scope  *scope // the innermost one of the asker; nil: none

	// asker is the asker's context with what observers of Accepted added, and
	// values is what observers of Started made of it, nil before. The goroutine
	// whose turn it is to call the observers writes them.
	asker, values context.Context

	// labels has nothing but pprof labels: the asker's, if it had any, and from the
	// call of the callback on those of its goroutine.
	labels context.Context

	deadline moment // 0: none. Written at the start

	// endedBy is nil before the context ends. watched is set before anybody can
	// wait for that: what ends the context looks at watched afterwards, and
	// who starts to watch looks at endedBy afterwards, so one of them sees the
	// other.
	endedBy atomic.Pointer[ending]
	watched atomic.Bool

	linked   bool // a callback asked, with its own context
	inCaller bool // Do runs it
	nested   bool // a callback on a worker asked, perhaps through Do

	returned atomic.Bool // the attempt is over

	mu     sync.Mutex
	done   chan struct{}      // guarded by mu; nil: not asked for before the end
	toCall map[*func()]func() // guarded by mu; see AfterFunc
}

// ending is why a context has ended: a context that has ended so.
type ending struct{ context.Context }

var (
	timedOut = endingBy(context.WithDeadlineCause(context.Background(), time.Unix(0, 0), ErrTimeout))
	shutDown = canceledBy(ErrShutdown)
	over     = canceledBy(nil) // the attempt is over
)

func endingBy(ctx context.Context, cancel context.CancelFunc) *ending {
	cancel()
	return &ending{ctx}
}

func canceledBy(cause error) *ending {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return &ending{ctx}
}

// closed is the Done channel of contexts that ended before anybody asked for it.
var closed = over.Done()

// newContext returns the context of the next attempt.
func (t *task) newContext() *callbackContext {
	c := t.ctx
	return &callbackContext{runner: c.runner, name: c.name, scope: c.scope, asker: c.asker, labels: t.askerLabels, linked: c.linked, nested: c.nested}
}

// end ends the context, unless it has ended.
func (c *callbackContext) end(by *ending) {
	if !c.endedBy.CompareAndSwap(nil, by) || !c.watched.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		close(c.done)
	}
	for _, f := range c.toCall {
		go f()
	}
	c.toCall = nil
}

// Deadline implements [context.Context].
func (c *callbackContext) Deadline() (time.Time, bool) {
	if c.inCaller { // the caller's context ends it too
		if deadline, ok := c.asker.Deadline(); ok && (c.deadline == 0 || deadline.Before(c.ownDeadline())) {
			return deadline, true
		}
	}
	return c.ownDeadline(), c.deadline != 0
}

func (c *callbackContext) ownDeadline() time.Time {
	if c.deadline == 0 {
		return time.Time{}
	}
	return c.runner.opened.Add(time.Duration(c.deadline - 1))
}

// Done implements [context.Context].
func (c *callbackContext) Done() <-chan struct{} {
	c.watched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		return c.done
	}
	if c.endedBy.Load() != nil {
		return closed
	}
	c.done = make(chan struct{})
	return c.done
}

// Err implements [context.Context]. Done is closed before Err is not nil.
func (c *callbackContext) Err() error {
	by := c.endedBy.Load()
	if by == nil {
		return nil
	}
	if c.watched.Load() {
		<-c.Done()
	}
	return by.Err()
}

// AfterFunc makes package context call f when the context has ended, without a
// goroutine that waits for it: see [context.AfterFunc].
func (c *callbackContext) AfterFunc(f func()) (stop func() bool) {
	c.watched.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.endedBy.Load() != nil {
		go f()
		return func() bool { return false }
	}
	if c.toCall == nil {
		c.toCall = make(map[*func()]func())
	}
	c.toCall[&f] = f
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waits := c.toCall[&f]
		delete(c.toCall, &f)
		return waits
	}
}

// Value implements [context.Context].
func (c *callbackContext) Value(key any) any {
	switch key {
	case originKey{}:
		return c
	case cancelKey: // by which context.Cause finds out
		if by := c.endedBy.Load(); by != nil {
			return by.Value(key)
		}
		return nil
	case labelsKey:
		if c.labels != nil {
			return c.labels.Value(key)
		}
	}
	return c.inherited().Value(key)
}

// inherited returns the context that has the values.
func (c *callbackContext) inherited() context.Context {
	if c.values != nil {
		return c.values
	}
	return c.asker
}

// String implements [fmt.Stringer]: fmt would read what others write.
func (c *callbackContext) String() string { return "runner.Callback(" + c.name + ")" }

// cancelKey is the key by which package context finds what has a cause.
var cancelKey = keyOf(func(ctx context.Context) { _ = context.Cause(ctx) })

// observed returns the context that observers get: it has the callback's values,
// and does not end.
func (c *callbackContext) observed() context.Context {
	switch {
	case c.values != nil:
		return c.values
	case c.linked: // askerValues keeps the context: a chain of callbacks would keep them all
		return handOn(c.asker, c.scope)
	default:
		return (*askerValues)(c)
	}
}

// handedOn is the values that a callback hands on to those which it asks for, with
// its scope. It does not end.
type handedOn struct {
	asker context.Context
	scope *scope // nil: none
}

// handOn hands on the values of ctx. It asks ctx for nothing: that may be another
// request's by now.
func handOn(ctx context.Context, s *scope) context.Context {
	switch from := ctx.(type) {
	case *handedOn:
		if from.scope == s {
			return from
		}
	case *withDeadline:
		return handOn(from.Context, s)
	}
	return &handedOn{ctx, s}
}

// Deadline implements [context.Context].
func (*handedOn) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (*handedOn) Done() <-chan struct{} { return nil }

// Err implements [context.Context].
func (*handedOn) Err() error { return nil }

// Value implements [context.Context].
func (h *handedOn) Value(key any) any { return valueOf(h.asker, h.scope, key) }

// String implements [fmt.Stringer], as that of callbackContext.
func (*handedOn) String() string { return "runner.Values" }

// valueOf returns a value of an asker's context without its end and its labels, and
// with the scope that it had when it asked.
func valueOf(asker context.Context, s *scope, key any) any {
	switch key {
	case originKey{}:
		if s == nil {
			return nil
		}
		return s
	case cancelKey, labelsKey:
		return nil
	}
	return asker.Value(key)
}

// withDeadline is a context with the deadline of another one.
type withDeadline struct {
	context.Context

	deadline time.Time
}

// Deadline implements [context.Context].
func (c *withDeadline) Deadline() (time.Time, bool) { return c.deadline, true }

// askerValues is the context of a callback's asker without its cancellation and
// its deadline, and with the scope that it had when it asked.
type askerValues callbackContext

// Deadline implements [context.Context].
func (*askerValues) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements [context.Context].
func (*askerValues) Done() <-chan struct{} { return nil }

// Err implements [context.Context].
func (*askerValues) Err() error { return nil }

// Value implements [context.Context].
func (a *askerValues) Value(key any) any { return valueOf(a.asker, a.scope, key) }

// String implements [fmt.Stringer], as that of callbackContext.
func (a *askerValues) String() string { return "runner.AskerOf(" + a.name + ")" }
