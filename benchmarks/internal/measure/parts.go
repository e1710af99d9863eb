package measure

import (
	"slices"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// Alone is the setting of the parts.
const Alone = "alone"

// Parts asks what it costs to do nothing but what a callback cannot do without.
func Parts(p Plan, parts []pool.Part) (*Book, error) {
	var alone [][]Cell
	var line []Cell // neighbors, as it is their difference that counts
	for _, part := range parts {
		c := Cell{Question: QuestionParts, Setting: Alone, Contestant: part.Name, For: p.For}
		if slices.Contains([]string{pool.PartLine, pool.PartNoLine}, part.Name) {
			line = append(line, c)
			continue
		}
		alone = append(alone, []Cell{c})
	}
	return p.ask(once(append(alone, line)...))
}

// part does a part over and over.
func (c Cell) part() Figures {
	for _, part := range pool.Parts() {
		if part.Name != c.Contestant {
			continue
		}
		const batch = 1000
		do, end := part.New()
		defer end()
		all := func() {
			for range batch {
				do()
			}
		}
		warmUp(all, c.For)
		settle()
		return repeat(all, batch, c.For).figures()
	}
	return nil
}
