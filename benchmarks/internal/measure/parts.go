package measure

import (
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// Alone is the setting of the parts.
const Alone = "alone"

// Parts asks what it costs to do nothing but what a sampled callback cannot do
// without.
func Parts(p Plan, parts []pool.Part) (*Book, error) {
	var cells []Cell
	for _, part := range parts {
		cells = append(cells, Cell{Question: QuestionParts, Setting: Alone, Contestant: part.Name, For: p.For})
	}
	return p.ask(once(cells))
}

// part does a part over and over, in turns with what is to be deducted.
func (c Cell) part() Figures {
	parts := pool.Parts()
	i := slices.IndexFunc(parts, func(p pool.Part) bool { return p.Name == c.Contestant })
	if i < 0 {
		return nil
	}
	do, end := parts[i].New()
	defer end()
	less := func() {}
	if parts[i].Less != nil {
		var endLess func()
		less, endLess = parts[i].Less()
		defer endLess()
	}
	warmUp(func() { thousand(do); thousand(less) }, c.For)
	settle()
	var times, allocs []float64
	for start := time.Now(); len(times) == 0 || time.Since(start) < c.For; {
		of, deducted := thousand(do), thousand(less)
		times = append(times, of.Processor-deducted.Processor)
		allocs = append(allocs, of.Allocs-deducted.Allocs)
	}
	return Figures{MetricProcessor: Quantile(times, 0.5), MetricAllocs: Quantile(allocs, 0.5)}
}

// thousand is what f costs, done a thousand times.
func thousand(f func()) Cost {
	const times = 1000
	return repeat(func() {
		for range times {
			f()
		}
	}, times, 0)
}
