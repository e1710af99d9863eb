package conformance

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// Document holds the servers to the suite, and compares what was shown with the file
// CONFORMANCE.md in the test's directory. With update it writes the file. text follows the
// title of the page.
func Document(t *testing.T, update bool, title, text string, servers ...Server) {
	t.Helper()
	const file = "CONFORMANCE.md"
	shown := Run(t, servers...)
	if t.Failed() || shown.isPartial() {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nWritten by `go generate` in this directory, and held by TestConformance. %s\n\n", title, text)
	b.WriteString(Summary(servers))
	b.WriteString(`
- **exact**: no callback started before the last byte of its response was with the kernel
- **ok**: the case has passed; it is not about that moment
- **returned**: no callback started before its handler had returned
- **–**: left out, for the reason below the table

`)
	b.WriteString(shown.words().String())
	b.WriteString("\n")
	for _, s := range servers {
		for _, c := range slices.Sorted(maps.Keys(s.Without)) {
			if c != Handlers {
				fmt.Fprintf(&b, "- %s has no %s: %s\n", s.Name, c, s.Without[c])
			}
		}
	}
	if update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what was shown: run go generate\n%s", file, b.String())
	}
}

// Summary returns a table that says of each server whether its promise is exact, and how it
// knows the end of a response.
func Summary(servers []Server) string {
	table := Table{{"server", "how the end of the response is known", "exact"}}
	for _, s := range servers {
		exact := "no"
		if s.Exact {
			exact = "yes"
		}
		table = append(table, []string{s.Name, s.How, exact})
	}
	return table.String()
}

// isPartial reports whether a filter has left out some of the cases.
func (t Table) isPartial() bool {
	return slices.ContainsFunc(t, func(row []string) bool { return slices.Contains(row, "") })
}

// words returns the table without its counts, and without the cases that are for none of the
// servers.
func (t Table) words() Table {
	words := Table{t[0]}
	for _, row := range t[1:] {
		cells, runs := []string{row[0]}, false
		for _, cell := range row[1:] {
			word, _, _ := strings.Cut(cell, " ")
			if cell == "left out" {
				word = "–"
			} else {
				runs = true
			}
			cells = append(cells, word)
		}
		if runs {
			words = append(words, cells)
		}
	}
	return words
}
