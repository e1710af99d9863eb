package measure

import (
	"fmt"
	"runtime"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// Processors is what GOMAXPROCS is set to, in turn.
var Processors = []int{1, 2, 4, 8}

// OnProcessors names a kind of work with GOMAXPROCS.
func OnProcessors(work string, n int) string { return fmt.Sprintf("%s, GOMAXPROCS %d", work, n) }

// Contention asks what a task costs with eight producers as processors are
// added.
func Contention(p Plan, works []Work, contestants []pool.Contestant) *Book {
	book := new(Book)
	var cells []func()
	for _, work := range works {
		for _, n := range Processors {
			cells = append(cells, contest(book, OnProcessors(work.Name, n), contestants, func(c pool.Contestant) Cost {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
				return Run(c, work, 8, p.For)
			})...)
		}
	}
	newOrder().rounds(p, cells)
	return book
}
