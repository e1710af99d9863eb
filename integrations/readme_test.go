package integrations_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// What a reader copies from the page is a part of an example, which is built and run.
func TestEveryBlockOfTheREADMEIsPartOfAnExample(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	b, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	examples := withoutIndent(string(b))
	blocks := goBlock.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		require.Contains(t, examples, withoutIndent(block[1]))
	}
}

// withoutIndent returns text with its lines moved to the left.
func withoutIndent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimLeft(line, "\t"))
	}
	return b.String()
}

// The page names each module, and no other.
func TestTheREADMENamesEachModule(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if e.IsDir() {
			require.Contains(t, string(page), "]("+e.Name()+")")
			require.FileExists(t, e.Name()+"/go.mod")
			require.FileExists(t, e.Name()+"/README.md")
		}
	}
}
