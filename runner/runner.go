package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Runner runs callbacks on a bounded pool of workers. Make one with [New] and
// end it with [Runner.Shutdown]. All its methods are safe for concurrent use.
type Runner struct {
	cfg    Config    // written by New only
	hooks  hooks     // which events have an observer; written by New only
	opened time.Time // moment 1; written by New only

	// detached is the scope of callbacks that wait for nothing: it has been
	// released from the start. Nobody waits for it, so it counts nothing.
	detached *scope

	notReady atomic.Bool // see Ready

	mu sync.Mutex // guards what follows; see lock and unlock

	latest moment // the time, as of the last lock

	books

	reserved, queue, paused taskList
	places                  places
	waiters                 waiters
	highWater               highWater
	queueMoved              moment             // when a worker last took a task of the queue, or one came into an empty queue
	merging                 map[mergeKey]*task // the waiting task of each key of Coalesce

	pool
	watch

	drain      *drain        // not nil once Shutdown has been called
	unreported int           // accepted tasks for which something is left to be done
	draining   chan struct{} // closed when Shutdown is called; not written after New

	todo todo
}

// New returns a runner that works as cfg says. Its error names every field
// that cannot be used. It starts no goroutine before there is work.
func New(cfg Config) (*Runner, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Runner{cfg: cfg.withDefaults(), opened: time.Now(), draining: make(chan struct{})}
	var err error
	if r.books, err = newBooks(r.cfg); err != nil {
		return nil, err
	}
	r.highWater.since = 1
	r.detached = &scope{runner: r}
	r.detached.state.Store(scopeReleased)
	r.merging = make(map[mergeKey]*task)
	r.byTimeout = make(map[time.Duration]*deadlines)
	for _, o := range r.cfg.Observers {
		r.hooks.add(o)
	}
	if err := r.callOpened(); err != nil {
		_, _ = r.Shutdown(context.Background()) // nothing has been asked for
		return nil, err
	}
	return r, nil
}

// callOpened lets the observers see that r is made.
func (r *Runner) callOpened() error {
	var errs []error
	for i, o := range r.cfg.Observers {
		if o.Opened == nil {
			continue
		}
		if err := o.Opened(r); err != nil {
			errs = append(errs, fmt.Errorf("runner: Config.Observers[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

// todo is what a method that holds mu leaves to be done without it.
type todo struct {
	workers *worker // to be started; linked by next
	told    *task   // whose observers are to be told, in order; linked by nextTold
	last    *task   // of told
	gated   []*task // whose gates are to be asked
}

func (left *todo) isEmpty() bool {
	return left.workers == nil && left.told == nil && left.gated == nil
}

// tellLaterLocked has the observers of t told once mu is unlocked.
func (r *Runner) tellLaterLocked(t *task) {
	if r.todo.last == nil {
		r.todo.told = t
	} else {
		r.todo.last.nextTold = t
	}
	r.todo.last = t
}

// lock locks mu and returns the time. The clock is read before, as others want
// the lock; the latest time that was read makes times follow the order of the
// locks all the same.
func (r *Runner) lock() moment {
	now := r.now()
	r.mu.Lock()
	return r.timeLocked(now)
}

// timeLocked returns the time that was read, or the latest one that counts.
func (r *Runner) timeLocked(read moment) moment {
	r.latest = max(r.latest, read)
	return r.latest
}

// unlock unlocks mu and does what was left to be done. No other function unlocks
// mu, so nothing can be forgotten.
func (r *Runner) unlock() {
	left := r.todo
	if left.isEmpty() {
		r.mu.Unlock()
		return
	}
	r.todo = todo{}
	r.mu.Unlock()
	for w := left.workers; w != nil; {
		next := w.next
		w.next = nil
		go w.run()
		w = next
	}
	if len(left.gated) > 0 {
		go r.askGates(left.gated)
	}
	if left.told != nil {
		r.tellAll(left.told)
	}
}

// unlockLater is unlock for callers that must neither wait for observers nor be ended by
// them: a goroutine of its own calls those.
func (r *Runner) unlockLater() {
	told := r.todo.told
	r.todo.told, r.todo.last = nil, nil
	r.unlock()
	if told != nil {
		go r.tellAll(told)
	}
}
