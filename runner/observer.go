package runner

import (
	"context"
	"errors"
	"time"
)

// Observer is a set of functions that a runner calls as callbacks pass
// through it. Any of them may be nil. They are called without a lock held, on
// the goroutine the event happens on, so their time is the asker's or the
// worker's; they must be safe for concurrent use and must not block.
//
// For one callback the order is Accepted, Started, Overrun if it is found to
// run on past its deadline, and Finished, each at most once. With [Retry] each
// attempt has a Started, and each but the last a Retried. A callback that never
// starts goes from Accepted to Finished. With several observers each event
// visits them in the order of Config.Observers.
// An observer that panics is recovered and counted in Stats.ObserverPanics;
// the others still run. One that calls runtime.Goexit ends the goroutine it is
// called on, the asker's perhaps, and those after it miss the event; the runner
// goes on, and its books balance.
type Observer struct {
	// Accepted is called inside After, Go or Track once the callback is taken
	// in. ctx is the asker's. The returned context takes its place from here on; nil
	// keeps ctx.
	Accepted func(ctx context.Context, info AcceptedInfo) context.Context

	// Rejected is called inside After, Go or Track when the callback is refused.
	// It is the only event of such a callback.
	Rejected func(ctx context.Context, info RejectedInfo)

	// Started is called just before the callback, on the goroutine that runs it,
	// and inside Track. ctx holds the asker's values, without its cancellation.
	// The callback's own context is derived from the one returned; nil keeps ctx.
	Started func(ctx context.Context, info StartedInfo) context.Context

	// Retried is called after an attempt that has failed and will be followed by
	// another one (see [Retry]), where it ran, or where its Overrun was being
	// told. ctx is the one Started returned. The wait for the next attempt begins
	// when Retried has returned; the attempt begins with another Started.
	Retried func(ctx context.Context, info RetriedInfo)

	// Overrun is called once for an attempt that is found running on past its
	// deadline and Config.Grace, while it does so. The runner looks at most once
	// a second, so one that ends within a second after its grace may be missed. It is called on a
	// goroutine of the runner; a Retried or Finished that comes meanwhile waits
	// for it. ctx is the one Started returned.
	Overrun func(ctx context.Context, info OverrunInfo)

	// Finished is called once for every accepted callback: where it ran, or on
	// the goroutine that ended it before it could run (its evictor's, Shutdown's)
	// or while it ran (Shutdown's). If another observer's call for it is under
	// way there and then, it is left to that goroutine. ctx is the one Started
	// returned, or Accepted if the callback never started; it is not canceled.
	Finished func(ctx context.Context, info FinishedInfo)

	// DrainStarted is called once, as Shutdown begins. The returned context is
	// passed to DrainFinished; nil keeps ctx.
	DrainStarted func(ctx context.Context, info DrainInfo) context.Context

	// DrainFinished is called once, as Shutdown ends.
	DrainFinished func(ctx context.Context, report Report)
}

// Callback is what every event says of its callback. Its times, and those of the
// events, carry a reading of the monotonic clock, so that differences are right
// whatever happens to the machine's clock. If that is set, they follow it within
// a second.
type Callback struct {
	Runner  string        // Config.Name
	Name    string        // as given to After, Go or Track
	Timeout time.Duration // from its start; 0: none (in Config, a negative one says so)
	Asked   time.Time     // when that was called
}

// AcceptedInfo is the data of [Observer.Accepted].
type AcceptedInfo struct {
	Callback
	Depth    int // places of the queue taken, this one included
	Capacity int // Config.Queue
}

// RejectedInfo is the data of [Observer.Rejected].
type RejectedInfo struct {
	Callback
	Reason Reason
	Err    error // what After, Go or Track returns
}

// Reason says in one constant word why a callback was rejected.
type Reason string

// The reasons, each with the error it stands for.
const (
	ReasonQueueFull   Reason = "queue_full"  // ErrQueueFull
	ReasonClosed      Reason = "closed"      // ErrClosed
	ReasonMaxWait     Reason = "max_wait"    // ErrMaxWait
	ReasonNested      Reason = "nested"      // ErrNested
	ReasonOverrunning Reason = "overrunning" // ErrOverrunning
	ReasonCanceled    Reason = "canceled"    // the asker's context ended while it waited for a place
)

// reasonOf is the constant word for a refusal.
func reasonOf(err error) Reason {
	var w *waitError
	switch {
	case errors.As(err, &w): // first, as its cause may be anything
		return ReasonCanceled
	case errors.Is(err, ErrClosed):
		return ReasonClosed
	case errors.Is(err, ErrMaxWait):
		return ReasonMaxWait
	case errors.Is(err, ErrNested):
		return ReasonNested
	case errors.Is(err, ErrOverrunning):
		return ReasonOverrunning
	default:
		return ReasonQueueFull
	}
}

// StartedInfo is the data of [Observer.Started].
type StartedInfo struct {
	Callback
	// AfterResponse tells whether the callback was asked for before its scope
	// was released and so had to wait for it. It is false for Go, and for an
	// After that came late.
	AfterResponse bool
	Released      time.Time // its scope was released; Asked unless AfterResponse
	Due           time.Time // Released, or when the wait for this attempt was over
	Started       time.Time
	Attempt       int // from 1, and more only with Retry; 0 in FinishedInfo if it never started
}

// ResponseDelay is how long the callback waited for the response to be done; 0
// if it was never released. It is the same for each attempt.
func (i StartedInfo) ResponseDelay() time.Duration { return between(i.Asked, i.Released) }

// QueueWait is how long the callback, once due, waited for a worker; 0 if it
// never started.
func (i StartedInfo) QueueWait() time.Duration { return between(i.Due, i.Started) }

// between is the time from a to b, 0 if one of them never was.
func between(a, b time.Time) time.Duration {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	return b.Sub(a)
}

// RetriedInfo is the data of [Observer.Retried].
type RetriedInfo struct {
	StartedInfo
	Outcome  Outcome // of the attempt: Failed or TimedOut
	Err      error
	Finished time.Time
	Wait     time.Duration // until the next attempt is due
	Overran  bool          // Overrun was called for it
}

// Duration is how long the attempt ran.
func (i RetriedInfo) Duration() time.Duration { return between(i.Started, i.Finished) }

// OverrunInfo is the data of [Observer.Overrun].
type OverrunInfo struct {
	StartedInfo
	Ran time.Duration // so far
	// Stack is where the callback hangs: its frames, innermost first, each as a
	// function and, on the next line, its place. It is empty for Track, whose
	// goroutine is not the runner's.
	Stack string
}

// FinishedInfo is the data of [Observer.Finished].
type FinishedInfo struct {
	StartedInfo // Started is zero if the callback never started, or ended between two attempts; Due too if it was never released
	Outcome     Outcome
	Err         error // nil on Success
	Finished    time.Time
	Overran     bool   // Overrun was called for its last attempt
	Stack       string // of an Abandoned callback: where it hung when it was canceled
}

// Duration is how long the callback ran; 0 if it never started.
func (i FinishedInfo) Duration() time.Duration { return between(i.Started, i.Finished) }

// DrainInfo is the data of [Observer.DrainStarted].
type DrainInfo struct {
	Runner   string
	Reserved int // accepted, response not done yet
	Queued   int // due, waiting for a worker
	Paused   int // between two attempts
	Running  int
}

// Pending is the number of accepted callbacks that have not ended.
func (i DrainInfo) Pending() int { return i.Reserved + i.Queued + i.Paused + i.Running }
