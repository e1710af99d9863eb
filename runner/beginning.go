package runner

import "sync/atomic"

// beginning is where the observation of a start is. The worker ends it without
// the runner's lock, unless somebody who holds that has looked meanwhile and
// left something to do. Begun and looked at with mu held.
type beginning struct{ atomic.Uint32 }

const (
	notBeginning uint32 = iota
	underWay
	lookedAt
)

func (b *beginning) begin() { b.Store(underWay) }

// end ends it, unless somebody has looked.
func (b *beginning) end() bool { return b.CompareAndSwap(underWay, notBeginning) }

// reset ends it when somebody has looked. mu is held.
func (b *beginning) reset() { b.Store(notBeginning) }

// isUnderWay looks.
func (b *beginning) isUnderWay() bool {
	return b.Load() != notBeginning && (b.CompareAndSwap(underWay, lookedAt) || b.Load() == lookedAt)
}
