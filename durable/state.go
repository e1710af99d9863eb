package durable

import (
	"fmt"

	"github.com/riverqueue/river/rivertype"
)

// State is where a task is.
type State uint8

const (
	// StateScheduled: not due yet ([In], [At]).
	StateScheduled State = iota
	// StateDue: waits for a worker.
	StateDue
	// StateRunning: a worker runs it.
	StateRunning
	// StateRetrying: an attempt has failed, and it waits for the next one.
	StateRetrying
	// StateDone: succeeded.
	StateDone
	// StateCanceled: [Queue.Cancel] ended it.
	StateCanceled
	// StateDead: a dead letter. No attempt is left, or another one would not help.
	StateDead

	// NumStates is the number of states: range over it to visit each.
	NumStates
)

var stateNames = [NumStates]string{"scheduled", "due", "running", "retrying", "done", "canceled", "dead"}

// riverStates are the states in the database.
var riverStates = [NumStates]rivertype.JobState{
	rivertype.JobStateScheduled, rivertype.JobStateAvailable, rivertype.JobStateRunning, rivertype.JobStateRetryable,
	rivertype.JobStateCompleted, rivertype.JobStateCancelled, rivertype.JobStateDiscarded,
}

// String returns scheduled, due, running, retrying, done, canceled or dead.
func (s State) String() string {
	if s < NumStates {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText implements [encoding.TextMarshaler] with the name String returns.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Ended reports whether the task is over: nothing but Retry runs it again.
func (s State) Ended() bool { return s == StateDone || s == StateCanceled || s == StateDead }

// stateOf returns the state for what is in the database. River's pending is a state that this package does not use.
func stateOf(s rivertype.JobState) State {
	for state, name := range riverStates {
		if name == s {
			return State(state)
		}
	}
	return StateScheduled
}
