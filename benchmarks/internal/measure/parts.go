package measure

import (
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
			cost := alone(part, p.For)
			book.Add(Case{Alone, part.Name, MetricTime}, cost.Time)
			book.Add(Case{Alone, part.Name, MetricAllocs}, cost.Allocs)
		})
	}
	newOrder().rounds(p, cells)
	return book
}

// alone does a part over and over, for at least d.
func alone(part pool.Part, d time.Duration) Cost {
	const batch = 1000
	once, end := part.New()
	defer end()
	settle()
	return repeat(func() {
		for range batch {
			once()
		}
	}, batch, d)
}
