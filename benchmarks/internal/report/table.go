package report

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table is a Markdown table whose first column is text and whose others are
// figures.
type Table struct {
	header []string
	rows   [][]string
	text   int // columns that are text
}

// NewTable has this header. The first text columns are aligned to the left.
func NewTable(text int, header ...string) *Table { return &Table{header: header, text: text} }

// Row adds one.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *Table) String() string {
	widths := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.text {
				b.WriteString("| " + cell + pad + " ")
			} else {
				b.WriteString("| " + pad + cell + " ")
			}
		}
		b.WriteString("|\n")
	}
	line(t.header)
	for i, w := range widths {
		if i < t.text {
			b.WriteString("|" + strings.Repeat("-", w+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", w+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// None is what stands for a figure that there is not.
const None = "–"

// Figure writes v with about three digits.
func Figure(v float64) string {
	v += 0 // no negative zero
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return None
	case math.IsInf(v, 0):
		return "∞"
	case a >= 99.5:
		return thousands(int64(math.Round(v)))
	case a >= 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// Count writes what is a count on average: with one digit if that says anything.
func Count(v float64) string {
	if math.IsNaN(v) {
		return None
	}
	if r := math.Round(v*10) / 10; r != math.Trunc(r) && r < 100 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return thousands(int64(math.Round(v)))
}

// thousands writes n with commas.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
