package durable

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lease is this process's right to run tasks. It has a row in the database, whose
// counter the heartbeat raises, and a River client that takes tasks under the row's ID. If the
// heartbeat cannot be written in time, the lease is lost for good: its tasks' contexts end, and
// the next lease has an ID and a client of its own.
type lease struct {
	core   *core
	id     string
	client workClient

	lost   chan struct{} // closed when it is lost
	isOver atomic.Bool   // lost is closed, or about to be

	mu      sync.Mutex
	until   time.Time          // guarded by mu: when it is lost unless it is renewed
	timer   *time.Timer        // guarded by mu; nil: no heartbeat
	running map[int64]*attempt // guarded by mu

	owed map[int64][]*attempt // guarded by mu: whose results are not written yet
}

func (c *core) hasHeartbeat() bool { return c.cfg.DeadAfter > 0 }

// The times of a heartbeat, as parts of Config.DeadAfter. A process that could not write its heartbeat for holds
// ends the contexts of its tasks; others take them after the whole of DeadAfter.
func (c *core) beatEvery() time.Duration {
	if !c.hasHeartbeat() {
		return defaultDeadAfter / 7
	}
	return c.cfg.DeadAfter / 7
}

func (c *core) holds() time.Duration { return c.cfg.DeadAfter * 2 / 3 }

// newLease registers the process and starts to take tasks.
func (c *core) newLease(ctx context.Context) (*lease, error) {
	l := &lease{core: c, id: c.processID(), lost: make(chan struct{}), running: make(map[int64]*attempt), owed: make(map[int64][]*attempt)}
	began := now()
	if err := l.register(ctx); err != nil {
		return nil, fmt.Errorf("durable: registering this process: %w", err)
	}
	if c.hasHeartbeat() {
		l.mu.Lock() // it may expire at once
		l.until = began.Add(c.holds())
		l.timer = time.AfterFunc(time.Until(l.until), l.expire)
		l.mu.Unlock()
	}
	var err error
	if l.client, err = c.store.worker(l); err == nil {
		err = l.client.Start(ctx)
	}
	if err != nil {
		l.lose()
		return nil, fmt.Errorf("durable: starting to work: %w", err)
	}
	c.mu.Lock()
	isShut := c.draining
	if !isShut {
		c.lease = l
	}
	c.mu.Unlock()
	if isShut { // Shutdown stops the lease that it found
		c.retire(ctx, l)
		return nil, ErrClosed
	}
	return l, nil
}

// retire ends a lease before its client, which waits for tasks that ignore their contexts. Shutdown waits for the client.
func (c *core) retire(ctx context.Context, l *lease) {
	l.lose()
	c.leaving.Go(func() {
		err := l.client.StopAndCancel(context.WithoutCancel(ctx))
		l.abandon()
		if err == nil {
			_ = l.leave(ctx) // or others bury it
		}
	})
}

// awaitLeaving waits for the clients of leases that are over.
func (c *core) awaitLeaving(ctx context.Context) error {
	left := make(chan struct{})
	go func() {
		c.leaving.Wait()
		close(left)
	}()
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("durable: what a lost lease had is still being stopped: %w", context.Cause(ctx))
	}
}

// idPrefix begins the ID of each lease with a heartbeat. A task that runs under such an ID without a row has no owner.
const idPrefix = "beats-"

// processID returns an ID that no other lease has.
func (c *core) processID() string {
	host, _ := os.Hostname()
	id := fmt.Sprintf("%.40s-%d-%s", host, os.Getpid(), rand.Text()[:10])
	if c.hasHeartbeat() {
		id = idPrefix + id
	}
	return id
}

const sqlRegister = `INSERT INTO {process} (id, host, pid, name, queues, beat, dead_after_ms, started_at, beat_at)
VALUES ($1, $2, $3, $4, $5, 0, $6, ` + sqlNow + `, ` + sqlNow + `)`

func (l *lease) register(ctx context.Context) error {
	if !l.core.hasHeartbeat() {
		return nil
	}
	host, _ := os.Hostname()
	queues, err := json.Marshal(l.core.cfg.Queues)
	if err != nil {
		return err
	}
	return l.core.db.exec.Exec(ctx, l.core.db.sql(sqlRegister),
		l.id, host, os.Getpid(), l.core.cfg.Name, string(queues), l.core.cfg.DeadAfter.Milliseconds())
}

// isLost reports whether the process may not speak for its tasks any more.
func (l *lease) isLost() bool { return l.isOver.Load() }

// renew prolongs the lease after a heartbeat that was begun at a time.
func (l *lease) renew(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = began.Add(l.core.holds())
	l.timer.Reset(time.Until(l.until))
}

// expire loses the lease if its time is over. The timer may fire as it is renewed.
func (l *lease) expire() {
	l.mu.Lock()
	left := time.Until(l.until)
	if left > 0 {
		l.timer.Reset(left)
	}
	l.mu.Unlock()
	if left <= 0 {
		l.lose()
	}
}

// lose ends the contexts of all tasks, for good.
func (l *lease) lose() {
	if l.isOver.Swap(true) {
		return
	}
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	running := slices.Collect(maps.Values(l.running))
	l.mu.Unlock()
	for _, a := range running {
		a.cancel(ErrLeaseLost)
	}
	close(l.lost)
}

// begin takes an attempt in. It returns false if the process takes none any more.
func (l *lease) begin(a *attempt) bool {
	if l.core.isDraining() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isLost() {
		return false
	}
	l.running[a.id] = a
	return true
}

func (l *lease) end(a *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[a.id] == a {
		delete(l.running, a.id)
	}
}

// attempts returns those that run.
func (l *lease) attempts() map[int64]*attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.running)
}

const (
	keyProcess = "process"
	keyTasks   = "tasks"
	keyTask    = "task"
	keyID      = "id"
	keyError   = "error"
	keyState   = "state"
)

func (c *core) isDraining() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}
