package runner

import "fmt"

// Outcome is how an asked-for callback ended. Every callback ends in exactly
// one outcome; until then it is reserved, queued or running.
type Outcome uint8

const (
	// Success: the callback returned nil.
	Success Outcome = iota
	// Failed: the callback returned an error, or ended its goroutine with
	// runtime.Goexit ([ErrGoexit]).
	Failed
	// Panicked: the callback panicked ([*PanicError]).
	Panicked
	// TimedOut: the callback returned an error after its own deadline had passed.
	TimedOut
	// Canceled: the callback returned an error after Shutdown had canceled it.
	Canceled
	// Rejected: After or Go refused it.
	Rejected
	// Dropped: it was accepted but never started; [DropOldest] evicted it, or
	// it was still waiting when the drain gave up.
	Dropped
	// Abandoned: it was started and still running when the drain gave up.
	Abandoned
	// Skipped: its gate said no ([When]).
	Skipped
	// Coalesced: it was merged into an equal one ([Once], [Coalesce]).
	Coalesced

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
// end: [Canceled], [Dropped] or [Abandoned].
func (o Outcome) Lost() bool { return o == Canceled || o == Dropped || o == Abandoned }
