package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table is what was shown. The first row is the head; each of the others has a
// case, and what was shown of it for each server.
type Table [][]string

func tableOf(cases []kase, servers []Server, shown map[string]string) Table {
	head := []string{"case"}
	for _, s := range servers {
		head = append(head, s.Name)
	}
	table := Table{head}
	for _, c := range cases {
		row := []string{c.name}
		for _, s := range servers {
			row = append(row, shown[c.name+"\n"+s.Name])
		}
		table = append(table, row)
	}
	return table
}

// String returns the table as Markdown.
func (t Table) String() string {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for i, row := range t {
		for j, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", widths[j], cell)
		}
		b.WriteString("|\n")
		if i == 0 {
			for _, w := range widths {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

// reasons says what each server lacks, and why.
func reasons(servers []Server) string {
	var b strings.Builder
	for _, s := range servers {
		for _, c := range slices.Sorted(maps.Keys(s.Without)) {
			fmt.Fprintf(&b, "%s has no %s: %s.\n", s.Name, c, s.Without[c])
		}
	}
	return b.String()
}
