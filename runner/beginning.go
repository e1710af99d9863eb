package runner

import "sync/atomic"

// beginning tells whether the observers of Started are being called. Alone of a
// task's state it is changed without mu as well, so that Started costs no turn
// under the lock. It begins and is looked at with mu held; the goroutine that
// calls the observers ends it without, unless somebody has looked: who did may
// have left something to do.
//
// That swap is atomic. Either it comes before the look, which then sees all that
// was written during the calls; or it fails, and the goroutine takes the lock.
type beginning struct{ atomic.Uint32 }

const (
	notBeginning uint32 = iota
	underWay
	lookedAt
)

func (b *beginning) begin() { b.Store(underWay) }

// end ends it. It returns false if somebody has looked: then reset does.
func (b *beginning) end() bool { return b.CompareAndSwap(underWay, notBeginning) }

// reset ends what somebody has looked at. mu is held.
func (b *beginning) reset() { b.Store(notBeginning) }

// look tells whether it is under way, and if so has its end take the lock. mu is
// held.
func (b *beginning) look() bool {
	return b.Load() != notBeginning && (b.CompareAndSwap(underWay, lookedAt) || b.Load() == lookedAt)
}
