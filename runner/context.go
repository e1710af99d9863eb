package runner

import (
	"context"
	"sync"
	"time"
)

// callbackContext is what a callback is called with: the asker's values, with
// the deadline of the attempt and the runner's cancellation. Its timer and its
// channel cost more than the callback's whole way through the runner, so they
// are made when somebody first asks for them.
type callbackContext struct {
	task     *task
	values   context.Context // what observers of Started returned
	labels   context.Context // has nothing but the goroutine's pprof labels
	deadline time.Time       // zero: none

	mu     sync.Mutex
	inner  context.Context // guarded by mu; nil: not asked for yet
	cancel context.CancelFunc
	ended  bool // guarded by mu: the attempt is over
}

// context returns the context of the attempt that begins.
func (t *task) context(labels context.Context) *callbackContext {
	c := &t.first
	if t.attempt > 1 { // the one before may have been kept
		c = new(callbackContext)
	}
	c.task, c.values, c.labels = t, t.ctx, labels
	if t.timeout > 0 {
		c.deadline = t.started.Add(t.timeout)
	}
	t.given = c
	return c
}

// canceler returns the context that does what can be canceled.
func (c *callbackContext) canceler() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		if c.deadline.IsZero() {
			c.inner, c.cancel = context.WithCancel(c.task.runner.base)
		} else {
			c.inner, c.cancel = context.WithDeadlineCause(c.task.runner.base, c.deadline, ErrTimeout)
		}
		if c.ended {
			c.cancel()
		}
	}
	return c.inner
}

// end cancels the context, as the attempt is over.
func (c *callbackContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
}

// Deadline implements [context.Context].
func (c *callbackContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements [context.Context].
func (c *callbackContext) Done() <-chan struct{} { return c.canceler().Done() }

// Err implements [context.Context].
func (c *callbackContext) Err() error { return c.canceler().Err() }

// Value implements [context.Context].
func (c *callbackContext) Value(key any) any {
	if key == (taskKey{}) {
		return c.task
	}
	// The runner's own context has no value but the one by which package
	// context finds a cancelable parent. It has to be this attempt's, not the
	// asker's.
	if c.task.runner.base.Value(key) != nil {
		return c.canceler().Value(key)
	}
	if v := c.labels.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}

type taskKey struct{}
