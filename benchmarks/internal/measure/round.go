package measure

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

// Plan is how thoroughly a question is asked, and who measures.
type Plan struct {
	Rounds int
	For    time.Duration // of one run, at least; a batch is always finished
	Report func(round int)

	Now    Measurer // this checkout
	Before Measurer // an older one, which measures Afterglow's contestants as well; nil: none
}

// Before is what an older checkout's contestant is called.
func Before(contestant string) string { return contestant + " (before)" }

// once makes a group of cells the same in each round.
func once(groups ...[]Cell) func(int) [][]Cell { return func(int) [][]Cell { return groups } }

// ask measures every group of cells once a round, and writes the figures down.
// The cells of a group follow each other, so that a ratio is of neighbors. Each
// round has an order of its own: a noisy minute meets all contestants, and none
// always comes after the same other one. The orders are the same in every run of
// the program.
func (p Plan) ask(groups func(round int) [][]Cell) (*Book, error) {
	book := new(Book)
	order := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // an order, not a secret
	for round := range p.Rounds {
		p.Report(round)
		all := groups(round)
		for _, g := range order.Perm(len(all)) {
			turns := p.turns(all[g])
			for _, t := range order.Perm(len(turns)) {
				figures, err := turns[t].by(turns[t].Cell)
				if err != nil {
					return nil, err
				}
				for metric, v := range figures {
					book.Add(Case{turns[t].Setting, turns[t].named, metric}, v)
				}
			}
		}
	}
	return book, nil
}

// turn is a cell with its measurer.
type turn struct {
	Cell
	by    Measurer
	named string
}

func (p Plan) turns(cells []Cell) []turn {
	var turns []turn
	for _, c := range cells {
		turns = append(turns, turn{c, p.Now, c.Contestant})
		if p.Before != nil && isOurs(c.Contestant) {
			turns = append(turns, turn{c, p.Before, Before(c.Contestant)})
		}
	}
	return turns
}

// isOurs reports whether a contestant is made of this repository's library.
func isOurs(name string) bool {
	return slices.Contains([]string{web.After, web.Middleware, pool.PartLine}, name) ||
		slices.ContainsFunc(pool.All(), func(c pool.Contestant) bool { return c.Name == name && c.Family == pool.Afterglow })
}

// contestant is the pool of a cell; ok reports whether this program has it.
func (c Cell) contestant() (found pool.Contestant, ok bool) {
	all := pool.All()
	i := slices.IndexFunc(all, func(p pool.Contestant) bool { return p.Name == c.Contestant })
	if i < 0 {
		return found, false
	}
	return all[i], true
}

// settle ends what making a contestant has left behind.
func settle() { runtime.GC() }
