package measure

import (
	"runtime"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// MetricKept is what a contestant of the question of the console retains once it is made,
// its viewers included.
const MetricKept = "KiB"

// MetricBeside is the time of a task of such a contestant, as a multiple of the time that
// one takes in the same process without a console.
const MetricBeside = "beside"

// consoleProducers is how many goroutines hand tasks over in that question.
const consoleProducers = 8

// restOfService is what the rest of a service keeps, in bytes. In a heap of a few MiB, garbage
// is collected so often that what a console retains would change how fast tasks are.
const restOfService = 64 << 20

// Console asks what a console costs the runner that it shows, while nobody looks and while
// many do.
func Console(p Plan) (*Book, error) {
	var cells []Cell
	for _, c := range pool.Consoles() {
		cells = append(cells, Cell{Question: QuestionConsole, Setting: ConsoleSetting(), Contestant: c.Name, For: p.For})
	}
	return p.ask(once(cells))
}

// ConsoleSetting is the setting of that question.
func ConsoleSetting() string { return Setting("empty", consoleProducers) }

// shift is how long a contestant of that question works before the one beside it does. A page
// is made once a second.
const shift = time.Second

// console has a contestant and a runner without a console take turns in one process. Two
// processes of one program differ by more than a console costs.
func (c Cell) console() Figures {
	all := pool.Consoles()
	i := slices.IndexFunc(all, func(p pool.Contestant) bool { return p.Name == c.Contestant })
	if i < 0 {
		return nil
	}
	rest := make([]byte, restOfService)
	defer runtime.KeepAlive(rest)

	before := retained()
	p := all[i].New(Size)
	defer p.Close()
	look := func() (away func()) { return func() {} }
	if looked, ok := p.(pool.Looked); ok {
		look = looked.Look
	}
	away := look()
	kept := retained() - before
	away()

	plain := all[0].New(Size)
	defer plain.Close()
	work := Work{Name: "empty", Batch: 20_000, Do: func() {}}
	its, others := work.batches(p, consoleProducers), work.batches(plain, consoleProducers)
	warmUp(its, shift)
	warmUp(others, shift)
	var cost, without Cost
	plainShift := func() {
		settle()
		without = without.plus(repeat(others, work.Batch, shift))
	}
	for spent := time.Duration(0); spent < c.For; spent += 4 * shift { // each is the first as often as the second
		plainShift()
		for range 2 {
			away := look()
			settle()
			cost = cost.plus(repeat(its, work.Batch, shift))
			away()
		}
		plainShift()
	}
	figures := cost.figures()
	figures[MetricBeside] = cost.Time / without.Time
	figures[MetricKept] = max(kept, 0) / 1024
	return figures
}

// plus is what the tasks of both cost.
func (c Cost) plus(more Cost) Cost {
	n, m := float64(c.Tasks), float64(more.Tasks)
	mean := func(a, b float64) float64 { return (a*n + b*m) / (n + m) }
	return Cost{
		mean(c.Time, more.Time), mean(c.Processor, more.Processor), mean(c.Allocs, more.Allocs), mean(c.Bytes, more.Bytes), c.Tasks + more.Tasks,
	}
}
