package routers

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// What a reader copies from the pages is a part of an example, which is built and run.
func TestEveryBlockIsPartOfAnExample(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	frameworks, err := os.ReadFile("../../docs/frameworks.md")
	require.NoError(t, err)
	_, parts, found := strings.Cut(string(frameworks), "\n## gin\n") // what is before is examples/minimal
	require.True(t, found)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	blocks := goBlock.FindAllStringSubmatch(string(page)+parts, -1)
	require.Greater(t, len(blocks), 6)
	for _, b := range blocks {
		var lines []string
		for line := range strings.Lines(b[1]) {
			lines = append(lines, "\t"+line)
		}
		require.Contains(t, string(examples), strings.Join(lines, ""))
	}
}
