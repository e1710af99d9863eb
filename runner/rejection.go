package runner

import (
	"errors"
	"fmt"
)

// Reason is why a callback was rejected.
type Reason uint8

// The reasons, each with the error that it stands for.
const (
	ReasonQueueFull    Reason = iota // ErrQueueFull
	ReasonReservedFull               // ErrReservedFull
	ReasonHeldFull                   // ErrHeldFull
	ReasonPausedFull                 // ErrPausedFull
	ReasonClosed                     // ErrClosed
	ReasonMaxWait                    // ErrMaxWait
	ReasonNested                     // ErrNested
	ReasonStuck                      // ErrStuck
	ReasonCanceled                   // the asker's context ended while it waited for a place
	ReasonStore                      // the database of a durable task did not take it; a Runner has none

	// NumReasons is the number of reasons: range over it to visit each.
	NumReasons
)

var reasonNames = [NumReasons]string{"queue_full", "reserved_full", "held_full", "paused_full", "closed", "max_wait", "nested", "stuck", "canceled", "store"}

// String returns the reason as metrics, spans and logs spell it: queue_full,
// reserved_full, held_full, paused_full, closed, max_wait, nested, stuck, canceled or store.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// MarshalText implements [encoding.TextMarshaler] with the name String returns.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Rejections counts rejected callbacks by reason, as in
// Rejections[ReasonQueueFull].
type Rejections [NumReasons]uint64

// Total returns the sum over all reasons.
func (r Rejections) Total() (sum uint64) {
	for _, n := range r {
		sum += n
	}
	return sum
}

// reasonOf returns the reason that an error of admission stands for.
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
	case errors.Is(err, ErrStuck):
		return ReasonStuck
	case errors.Is(err, ErrReservedFull):
		return ReasonReservedFull
	case errors.Is(err, ErrHeldFull):
		return ReasonHeldFull
	case errors.Is(err, ErrPausedFull):
		return ReasonPausedFull
	default:
		return ReasonQueueFull
	}
}
