package routers

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// What a reader copies from the page is a part of an example, which is built and run.
func TestEveryBlockOfTheREADMEIsPartOfAnExample(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	blocks := goBlock.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		var lines []string
		for line := range strings.Lines(b[1]) {
			lines = append(lines, "\t"+line)
		}
		require.Contains(t, string(examples), strings.Join(lines, ""))
	}
}
