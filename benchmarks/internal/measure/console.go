package measure

import (
	"runtime"
	"slices"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// MetricKept is what a contestant of the question of the console retains once it is made,
// its viewers included.
const MetricKept = "KiB"

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
	kept := retained() - before
	p.Close()
	figures := Run(all[i], Work{Name: "empty", Batch: 20_000, Do: func() {}}, consoleProducers, c.For).figures()
	figures[MetricKept] = max(kept, 0) / 1024
	return figures
}
