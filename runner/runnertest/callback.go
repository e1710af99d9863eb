package runnertest

import (
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Callback is what a [Recorder] has seen of one callback.
type Callback struct {
	Name string

	// Accepted is nil if the callback was rejected.
	Accepted *runner.AcceptedInfo
	// Rejected is nil unless the callback was rejected; it is then all there is.
	Rejected *runner.RejectedInfo
	// Started has one element for each attempt; none if it never started.
	Started []runner.StartedInfo
	// Retried has one element for each attempt that was followed by another.
	Retried []runner.RetriedInfo
	// Stuck has one element for each attempt that ran on past its deadline and
	// Config.StuckAfter.
	Stuck []runner.StuckInfo
	// Finished is nil until the callback has ended.
	Finished *runner.FinishedInfo
}

// Outcome is how the callback ended, [runner.OutcomeRejected] included. ok is false if
// it has not ended.
func (c Callback) Outcome() (o runner.Outcome, ok bool) {
	switch {
	case c.Rejected != nil:
		return runner.OutcomeRejected, true
	case c.Finished != nil:
		return c.Finished.Outcome, true
	default:
		return 0, false
	}
}

// Err is the callback's error, or for one that was rejected the error that After
// returned. It is nil if there is none, or not yet.
func (c Callback) Err() error {
	switch {
	case c.Rejected != nil:
		return c.Rejected.Err
	case c.Finished != nil:
		return c.Finished.Err
	default:
		return nil
	}
}

// String describes the callback in one line, for failures and logs: its name, what
// became of it, its attempts if there were several, and its error.
func (c Callback) String() string {
	s := c.Name + ": " + c.state()
	if n := len(c.Started); n > 1 {
		s += fmt.Sprintf(" in %d attempts", n)
	}
	if err := c.Err(); err != nil {
		s += ": " + err.Error()
	}
	return s
}

// state is the outcome, or where the callback is on its way there.
func (c Callback) state() string {
	if o, ok := c.Outcome(); ok {
		return o.String()
	}
	switch {
	case len(c.Started) == 0:
		return "not started"
	case len(c.Started) == len(c.Retried):
		return "waiting for its next attempt"
	case len(c.Stuck) > len(c.Retried):
		return "stuck"
	default:
		return "running"
	}
}

// lastStack is where the callback was when it was last found stuck.
func (c Callback) lastStack() string {
	if len(c.Stuck) == 0 {
		return ""
	}
	return c.Stuck[len(c.Stuck)-1].Stack
}

// endsBy is when an open callback that heeds its context ends its attempt, if
// it is run now or, between two attempts, when their wait is over. ok is false
// if it has no timeout, or is past that.
func (c Callback) endsBy(now time.Time) (by time.Time, ok bool) {
	if c.Accepted.Timeout == 0 || len(c.Stuck) > len(c.Retried) {
		return time.Time{}, false
	}
	by = now.Add(c.Accepted.Timeout)
	if n := len(c.Retried); n > 0 && n == len(c.Started) {
		by = by.Add(c.Retried[n-1].Wait)
	}
	return by, true
}
