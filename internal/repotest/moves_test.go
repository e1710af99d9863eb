package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDiagramShowsTheMovesOfTheCode compares the diagram of DESIGN.md with the
// table of runner/moves.go.
func TestTheDiagramShowsTheMovesOfTheCode(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root(t), "runner", "moves.go"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(source), "var moves = ")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n}\n")
	var inCode []string
	rows := regexp.MustCompile(`(?m)^\s+phase(\w+):\s+of\((.*)\),$`).FindAllStringSubmatch(table, -1)
	require.Len(t, rows, strings.Count(table, "of("), "a row of the table is written in another way")
	for _, row := range rows {
		for to := range strings.SplitSeq(row[2], ", ") {
			inCode = append(inCode, strings.ToLower(row[1]+" --> "+strings.TrimPrefix(to, "phase")))
		}
	}

	design, err := os.ReadFile(filepath.Join(root(t), "DESIGN.md"))
	require.NoError(t, err)
	_, diagram, found := strings.Cut(string(design), "stateDiagram-v2\n")
	require.True(t, found)
	diagram, _, _ = strings.Cut(diagram, "```")
	var drawn []string
	for line := range strings.Lines(diagram) {
		drawn = append(drawn, strings.TrimSpace(line))
	}
	slices.Sort(inCode)
	slices.Sort(drawn)
	require.Equal(t, inCode, drawn)
}
