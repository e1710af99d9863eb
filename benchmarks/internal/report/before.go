package report

import (
	"cmp"
	"slices"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
)

const beforeText = `Afterglow's contestants as commit %s has them, which took turns with these. The last column is the median of the ratios within each round. Of a time or a count
less than 1 is better, of requests/s more than 1.
`

// beforeTable has every figure that both commits have.
func (r Results) beforeTable() string {
	t := NewTable(3, "", "setting", "figure", "before", "now", "× before")
	for _, s := range r.sections() {
		if s.book == nil {
			continue
		}
		cases := s.book.Cases()
		slices.SortFunc(cases, func(a, b measure.Case) int {
			return cmp.Or(cmp.Compare(a.Contestant, b.Contestant), cmp.Compare(a.Setting, b.Setting), cmp.Compare(a.Metric, b.Metric))
		})
		for _, now := range cases {
			before := now
			before.Contestant = measure.Before(now.Contestant)
			if s.book.Rounds(before) > 0 {
				t.Row(now.Contestant, now.Setting, now.Metric, Figure(s.book.Median(before)), Figure(s.book.Median(now)), Figure(s.book.Ratio(now, before)))
			}
		}
	}
	return t.String()
}
