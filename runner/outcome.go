package runner

import (
	"fmt"
	"strings"
)

// Outcome is how an asked-for callback ended. Every callback ends in exactly
// one outcome; until then it is reserved, held, queued, running or paused.
type Outcome uint8

const (
	// OutcomeSuccess: the callback returned nil.
	OutcomeSuccess Outcome = iota
	// OutcomeError: the callback returned an error, or ended its goroutine with
	// runtime.Goexit ([ErrGoexit]).
	OutcomeError
	// OutcomePanic: the callback panicked ([*PanicError]).
	OutcomePanic
	// OutcomeTimeout: the callback returned an error after its own deadline had passed.
	OutcomeTimeout
	// OutcomeCanceled: the callback returned an error after Shutdown had canceled it.
	OutcomeCanceled
	// OutcomeRejected: After, AfterAll, Go or Do did not accept it.
	OutcomeRejected
	// OutcomeDropped: it was accepted but never started; [DropOldest] evicted it, or
	// it was still waiting when the drain gave up.
	OutcomeDropped
	// OutcomeAbandoned: it was started and still running when the drain gave up.
	OutcomeAbandoned
	// OutcomeSkipped: its gate said no ([When]).
	OutcomeSkipped
	// OutcomeCoalesced: it was merged into an equal one ([Once], [Coalesce]).
	OutcomeCoalesced

	// NumOutcomes is the number of outcomes: range over it to visit each.
	NumOutcomes
)

var outcomeNames = [NumOutcomes]string{
	"success", "error", "panic", "timeout", "canceled",
	"rejected", "dropped", "abandoned", "skipped", "coalesced",
}

// String returns the outcome's name as metrics, spans and logs spell it:
// success, error, panic, timeout, canceled, rejected, dropped, abandoned,
// skipped or coalesced.
func (o Outcome) String() string {
	if o < NumOutcomes {
		return outcomeNames[o]
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}

// MarshalText implements [encoding.TextMarshaler] with the name String returns.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Lost reports whether a shutdown kept the callback from coming to its own
// end: [OutcomeCanceled], [OutcomeDropped] or [OutcomeAbandoned].
func (o Outcome) Lost() bool {
	return o == OutcomeCanceled || o == OutcomeDropped || o == OutcomeAbandoned
}

// IsFailure reports whether the callback did not do its work, although it should
// have: every outcome but [OutcomeSuccess], [OutcomeSkipped], [OutcomeCoalesced],
// and [OutcomeRejected], which its asker has been told.
func (o Outcome) IsFailure() bool {
	return o != OutcomeSuccess && o != OutcomeSkipped && o != OutcomeCoalesced && o != OutcomeRejected
}

// Outcomes counts callbacks by outcome, as in Outcomes[OutcomeSuccess].
type Outcomes [NumOutcomes]uint64

// Total returns the sum over all outcomes.
func (o Outcomes) Total() (sum uint64) {
	for _, n := range o {
		sum += n
	}
	return sum
}

// String lists the outcomes that are not 0: "3 success, 1 panic".
func (o Outcomes) String() string {
	var all []string
	for outcome, n := range o {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %v", n, Outcome(outcome)))
		}
	}
	if all == nil {
		return "none"
	}
	return strings.Join(all, ", ")
}
