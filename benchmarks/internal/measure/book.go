// Package measure runs the contestants and writes down what it sees. It has one
// file a question.
package measure

import (
	"maps"
	"math"
	"slices"
)

// Case is what a figure is of.
type Case struct {
	Setting    string // "empty, 8 producers"
	Contestant string
	Metric     string // "ns"
}

// Book has the figures of one question: of each case one a round, in the order
// of the rounds. Its zero value is empty and ready.
type Book struct {
	figures map[Case][]float64
}

// Add writes down the figure of a round.
func (b *Book) Add(c Case, v float64) {
	if b.figures == nil {
		b.figures = make(map[Case][]float64)
	}
	b.figures[c] = append(b.figures[c], v)
}

// Rounds is how many figures there are of c.
func (b *Book) Rounds(c Case) int { return len(b.figures[c]) }

// Cases lists what there are figures of, in no order.
func (b *Book) Cases() []Case { return slices.Collect(maps.Keys(b.figures)) }

// Median is the middle figure of c, NaN if there is none.
func (b *Book) Median(c Case) float64 { return Quantile(b.figures[c], 0.5) }

// Ratio is the median over the rounds of c's figure to base's in the same
// round: what slowed a whole round down does not count. NaN if there is none.
func (b *Book) Ratio(c, base Case) float64 {
	return Quantile(pairs(b.figures[c], b.figures[base], func(v, w float64) float64 { return v / w }), 0.5)
}

// Difference is the median over the rounds of c's figure less base's in the same
// round. NaN if there is none.
func (b *Book) Difference(c, base Case) float64 {
	return Quantile(pairs(b.figures[c], b.figures[base], func(v, w float64) float64 { return v - w }), 0.5)
}

func pairs(a, b []float64, f func(v, w float64) float64) []float64 {
	all := make([]float64, min(len(a), len(b)))
	for i := range all {
		all[i] = f(a[i], b[i])
	}
	return all
}

// Quantile is the q-quantile of values, between the two nearest if it falls
// between them; NaN if there are none. It leaves values as they are.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}
