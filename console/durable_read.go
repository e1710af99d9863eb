package console

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// How durable queues are read.
const (
	durableEvery    = 2 * time.Second        // at most once in this time
	durableTimeout  = 10 * time.Second       // of one call
	durablePatience = 500 * time.Millisecond // that a page waits for it
	durableOld      = time.Minute            // older figures give no verdict
	lettersOnPage   = 25
)

// durable reads a durable queue while somebody looks, and keeps what it has read.
type durable struct {
	Durable

	console *Console

	mu      sync.Mutex
	reading chan struct{}  // guarded by mu; closed when the read under way is over; nil: none is
	last    durableFigures // guarded by mu
	tried   time.Time      // guarded by mu: when the last read began
}

// durableFigures is what was read.
type durableFigures struct {
	Queues  []DurableQueue
	Dead    DeadGroups
	At      time.Time // zero: never
	Took    time.Duration
	Problem string // why there is nothing newer; empty: there is
}

// look has the queue read, unless that was done just now. If it waits, it does so only for a
// moment: a store that does not answer holds up no page.
func (d *durable) look(waits bool) durableFigures {
	d.mu.Lock()
	if d.reading == nil && (d.tried.IsZero() || time.Since(d.tried) >= durableEvery) && !d.console.closed() {
		d.reading, d.tried = make(chan struct{}), time.Now()
		go d.read(d.reading) // not waited for: a store may ignore its context
	}
	reading := d.reading
	d.mu.Unlock()
	if reading != nil && waits {
		timer := time.NewTimer(durablePatience)
		defer timer.Stop()
		select {
		case <-reading:
		case <-timer.C:
		}
	}
	return d.state()
}

func (d *durable) state() durableFigures {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// forget has the next look read again.
func (d *durable) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tried = time.Time{}
}

func (d *durable) read(done chan struct{}) {
	start := time.Now()
	var s durableFigures
	err := d.call(context.Background(), func(ctx context.Context) (err error) {
		if s.Queues, err = d.Queues(ctx); err != nil || d.Groups == nil {
			return err
		}
		s.Dead, err = d.Groups(ctx)
		return err
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reading = nil
	close(done)
	if err != nil {
		d.last.Problem = said(err)
		return
	}
	s.At, s.Took = start, time.Since(start)
	d.last = s
}

// errSlow says that a store did not answer while a page waited.
var errSlow = errors.New("it has not answered yet: try again")

// callInTime is call for a page, which does not wait for a store that ignores its context.
func (d *durable) callInTime(f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- d.call(context.Background(), f) }()
	timer := time.NewTimer(durablePatience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errSlow
	}
}

// call calls a function of the user with a timeout, and returns a panic as an error.
func (d *durable) call(ctx context.Context, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, durableTimeout)
	defer cancel()
	returned := false
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked: %v", v)
		} else if !returned {
			err = errors.New("it called runtime.Goexit")
		}
	}()
	err = f(ctx)
	returned = true
	return err
}
