package measure

import (
	"runtime"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// Alone is the setting of the parts.
const Alone = "alone"

// Parts asks what it costs to do nothing but what a callback cannot do without.
func Parts(p Plan, parts []pool.Part) *Book {
	book := new(Book)
	var cells []func()
	for _, part := range parts {
		cells = append(cells, func() {
			cost := repeat(part, p.For)
			book.Add(Case{Alone, part.Name, MetricTime}, cost.Time)
			book.Add(Case{Alone, part.Name, MetricAllocs}, cost.Allocs)
		})
	}
	newOrder().rounds(p, cells)
	return book
}

// repeat does a part over and over, for at least d.
func repeat(part pool.Part, d time.Duration) Cost {
	const batch = 1000
	once, end := part.New()
	defer end()
	settle()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	n := 0
	for n == 0 || time.Since(start) < d {
		for range batch {
			once()
		}
		n += batch
	}
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	return Cost{Time: float64(elapsed) / float64(n), Allocs: float64(after.Mallocs-before.Mallocs) / float64(n), Tasks: n}
}
