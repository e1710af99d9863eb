package recipes

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Event is what happened.
type Event struct{ Name, User string }

// ErrTooManyEvents: Send does not keep up, and the batch is full.
var ErrTooManyEvents = errors.New("too many events wait to be sent")

// Analytics collects events over many requests. It sends them when there are Size of them,
// or when the oldest has waited for Wait. Set the fields before use.
type Analytics struct {
	Runner *runner.Runner
	Send   func(ctx context.Context, batch []Event) error
	Size   int
	Wait   time.Duration

	mu      sync.Mutex
	waiting []Event     // guarded by mu
	timer   *time.Timer // runs while events wait; guarded by mu
}

// Add takes an event. It is quick, so a handler may call it. At most 100 batches wait.
func (a *Analytics) Add(e Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= 100*a.Size {
		return ErrTooManyEvents
	}
	a.waiting = append(a.waiting, e)
	switch {
	case len(a.waiting) >= a.Size:
		a.flushLocked()
	case a.timer == nil:
		a.startTimerLocked()
	}
	return nil
}

// startTimerLocked has what waits sent in time. A timer holds no worker.
func (a *Analytics) startTimerLocked() {
	a.timer = time.AfterFunc(a.Wait, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.timer = nil
		a.flushLocked()
	})
}

// flushLocked hands what waits to a callback. If the runner has no room, the events stay, and the
// next event or the timer tries again.
func (a *Analytics) flushLocked() {
	batch := a.waiting
	if len(batch) == 0 {
		return
	}
	// Many requests share the batch, so it belongs to none of them: it has a context of its own.
	err := a.Runner.Go(context.Background(), "analytics.flush", func(ctx context.Context) error { return a.Send(ctx, batch) }, runner.Retry(5))
	if err != nil {
		if a.timer == nil && !errors.Is(err, runner.ErrClosed) {
			a.startTimerLocked()
		}
		return
	}
	a.waiting = nil
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}

// Close sends what has come since the last flush. Call it when Serve or Shutdown has returned.
func (a *Analytics) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.timer != nil {
		a.timer.Stop()
	}
	batch := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	return a.Send(ctx, batch)
}
