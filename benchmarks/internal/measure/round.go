package measure

import (
	"math/rand/v2"
	"runtime"
)

// order shuffles: each round goes through the contestants in an order of its
// own, so that a noisy minute meets all of them, and none always comes after
// the same other one. The orders are the same in every run of the program.
type order struct{ random *rand.Rand }

func newOrder() order {
	return order{rand.New(rand.NewPCG(1, 2))} //nolint:gosec // an order, not a secret
}

// run runs every cell once.
func (o order) run(cells []func()) {
	for _, i := range o.random.Perm(len(cells)) {
		cells[i]()
	}
}

// rounds runs every cell p.Rounds times, round by round.
func (o order) rounds(p Plan, cells []func()) {
	for i := range p.Rounds {
		p.Report(i)
		o.run(cells)
	}
}

// settle ends what the run before has left behind.
func settle() { runtime.GC() }
