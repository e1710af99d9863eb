package runner

import (
	"fmt"
	"math"
	"time"
)

// Overflow is what After and Go do when the queue is full: [Reject], [DropOldest],
// or what [Block] returns. The zero value is Reject.
type Overflow int64

const (
	// Reject rejects the new callback with [ErrQueueFull] at once.
	Reject Overflow = 0
	// DropOldest lets a callback that becomes due take the place of the one that has
	// waited for a worker longest, which ends as [OutcomeDropped] with [ErrEvicted].
	// Callbacks that wait for anything else are not evicted: if they have too many
	// places, After rejects new ones as under Reject.
	DropOldest Overflow = -1

	invalidOverflow Overflow = math.MinInt64
)

// Block waits for a place of the queue: until one becomes free, the asker's context
// ends, Shutdown is called, or the longest wait has passed ([ErrMaxWait]). longest must
// be positive, because nothing may wait for ever: New refuses another value. Places are
// given in the order they were asked for. Block does not wait for other kinds of places,
// because it can take long until one of those is free. After rejects with their errors at
// once, as under Reject. Inside a callback After does not wait but rejects with
// [ErrNested], because workers that wait for workers would deadlock.
func Block(longest time.Duration) Overflow {
	if longest <= 0 {
		return invalidOverflow
	}
	return Overflow(longest)
}

func (o Overflow) valid() bool { return o >= DropOldest }

// String returns the policy as it is written: Reject, DropOldest or Block(1s).
func (o Overflow) String() string {
	switch {
	case o == Reject:
		return "Reject"
	case o == DropOldest:
		return "DropOldest"
	case o > 0:
		return fmt.Sprintf("Block(%v)", time.Duration(o))
	default:
		return "an invalid Overflow"
	}
}
