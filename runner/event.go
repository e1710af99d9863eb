package runner

import "time"

// Callback is what every event says of its callback. Its times, and those of the
// events, carry a reading of the monotonic clock, so that differences are right
// whatever happens to the machine's clock.
type Callback struct {
	Runner  string        // Config.Name
	Name    string        // as given to After, Go or Do
	Ref     string        // of this one callback, as Ref gave it; empty: none
	Folded  bool          // the name is beyond Config.MaxNames, and counted as "other"
	Timeout time.Duration // from its start; 0: none (in Config, a negative one says so)
	Asked   time.Time     // when that was called
	Func    uintptr       // where the code of its function begins; see Function
}

// AcceptedInfo is the data of [Observer.Accepted].
type AcceptedInfo struct {
	Callback
	Depth    int     // callbacks that waited for a worker then
	Capacity int     // Config.Queue
	Caller   uintptr // program counter of the call, for [runtime.CallersFrames]; 0 unless an observer wants it
}

// RejectedInfo is the data of [Observer.Rejected].
type RejectedInfo struct {
	Callback
	Reason Reason
	Err    error   // what After, Go or Do returns
	Caller uintptr // as in AcceptedInfo
}

// StartedInfo is the data of [Observer.Started].
type StartedInfo struct {
	Callback
	// AskedAfter reports whether the callback was asked for before its scope
	// was released and so had to wait for it. It is false for Go, and for an
	// After that came late.
	AskedAfter bool
	Released   time.Time // its scope was released; Asked unless AskedAfter
	Due        time.Time // Released, or when the wait for this attempt was over
	Started    time.Time
	Attempt    int // from 1, and more only with Retry; 0 in FinishedInfo if it never started
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
	Outcome  Outcome // of the attempt: OutcomeError or OutcomeTimeout
	Err      error
	Finished time.Time
	Wait     time.Duration // until the next attempt is due
	Stuck    bool          // it was found stuck
}

// Duration is how long the attempt ran.
func (i RetriedInfo) Duration() time.Duration { return between(i.Started, i.Finished) }

// StuckInfo is the data of [Observer.Stuck].
type StuckInfo struct {
	StartedInfo
	Ran time.Duration // so far
	// Stack is where the callback hangs: its frames, innermost first, each as a
	// function and, on the next line, its place. It is empty if the attempt ended
	// before the runner could look.
	Stack string
}

// FinishedInfo is the data of [Observer.Finished].
type FinishedInfo struct {
	StartedInfo // Started is zero if the callback never started, or ended between two attempts; Due too if it was never released
	Outcome     Outcome
	Err         error // nil on success
	Finished    time.Time
	Stuck       bool   // its last attempt was found stuck
	Stack       string // of an abandoned callback: where it hung when it was canceled
}

// Duration is how long the callback ran; 0 if it never started.
func (i FinishedInfo) Duration() time.Duration { return between(i.Started, i.Finished) }

// DrainInfo is the data of [Observer.DrainStarted].
type DrainInfo struct {
	Runner   string
	Reserved int // accepted, response not done yet
	Queued   int // due, waiting for a worker or a limit
	Paused   int // between two attempts
	Running  int
}

// Pending is the number of accepted callbacks that have not ended.
func (i DrainInfo) Pending() int { return i.Reserved + i.Queued + i.Paused + i.Running }
