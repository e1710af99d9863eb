package main

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strings"
)

// cell is what a row of a table has in a column: a number or a word, or neither.
type cell struct {
	number *float64
	word   string
}

// row is the cells by the name of the field.
type row map[string]cell

// merged has a row for each set of labels that the answers have, the answer of
// each query in a column.
func merged(targets []target, answers [][]series) []row {
	var rows []row
	at := make(map[string]row)
	for i, found := range answers {
		value := "Value #" + targets[i].RefID
		if len(targets) == 1 {
			value = "Value"
		}
		for _, one := range found {
			var id strings.Builder
			for _, name := range slices.Sorted(maps.Keys(one.labels)) {
				fmt.Fprintf(&id, "%s=%q,", name, one.labels[name])
			}
			r, ok := at[id.String()]
			if !ok {
				r = make(row)
				for name, label := range one.labels {
					r[name] = cell{word: label}
				}
				at[id.String()] = r
				rows = append(rows, r)
			}
			if len(one.v) > 0 {
				r[value] = cell{number: &one.v[len(one.v)-1]}
			}
		}
	}
	return rows
}

// column is a field of a table as it is shown.
type column struct {
	name, title string
	field
	width float64
}

// columns are those of the panel, in their order, with their widths: those that
// have none share what the others leave.
func (p panel) columns(names []string, w float64) []column {
	renamed := make(map[string]string)
	for _, t := range p.Transformations {
		if t.Options.IndexByName != nil {
			names = slices.SortedFunc(maps.Keys(t.Options.IndexByName), func(a, b string) int {
				return t.Options.IndexByName[a] - t.Options.IndexByName[b]
			})
		}
		maps.Copy(renamed, t.Options.RenameByName)
	}
	var all []column
	left, sharing := w, 0.
	for _, name := range names {
		c := column{name: name, title: cmp.Or(renamed[name], name)}
		c.field = p.field(c.title)
		if c.Custom.Hidden {
			continue
		}
		if c.width = c.Custom.Width; c.width == 0 {
			sharing++
		}
		left -= c.width
		all = append(all, c)
	}
	for i := range all {
		if all[i].width == 0 {
			all[i].width = math.Max(left/sharing, 40)
		}
	}
	return all
}

// table draws rows. What is wider than its column is cut.
func (p panel) table(names []string, rows []row, w float64) string {
	if len(rows) == 0 {
		return `<div class="none">` + html.EscapeString(orNoData(p.FieldConfig.Defaults.NoValue)) + `</div>`
	}
	all := p.columns(names, w)
	for _, by := range p.Options.SortBy {
		i := slices.IndexFunc(all, func(c column) bool { return c.title == by.DisplayName })
		if i < 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b row) int {
			order := less(a[all[i].name], b[all[i].name])
			if by.Desc {
				return -order
			}
			return order
		})
	}
	var b strings.Builder
	b.WriteString("<table><tr>")
	for _, c := range all {
		fmt.Fprintf(&b, `<th style="width:%.0fpx;max-width:%.0[1]fpx">%s</th>`, c.width-12, html.EscapeString(c.title))
	}
	b.WriteString("</tr>\n")
	for _, r := range rows {
		b.WriteString("<tr>")
		for _, c := range all {
			b.WriteString(c.draw(r[c.name]))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>")
	return b.String()
}

func less(a, b cell) int {
	number := func(c cell) float64 {
		if c.number == nil || math.IsNaN(*c.number) {
			return math.Inf(-1)
		}
		return *c.number
	}
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a.word, b.word))
}

// draw draws a cell.
func (c column) draw(of cell) string {
	word, color := of.word, ""
	if of.number != nil || of.word == "" {
		word, color = c.display(of.number)
	} else if m, ok := c.mappingOf(of.word); ok {
		word, color = m.Text, hex(m.Color)
	}
	class, style := "", fmt.Sprintf("max-width:%.0fpx", c.width-12)
	if c.Custom.CellOptions.Type == "color-background" && color != "" {
		style += ";background:" + color
		if color != "transparent" {
			style += ";color:#fff"
		}
	}
	if len(c.Links) > 0 && word != "" {
		class = ` class="link"`
	}
	return fmt.Sprintf(`<td%s style="%s">%s</td>`, class, style, html.EscapeString(word))
}
