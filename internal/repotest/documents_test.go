package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), file))
	require.NoError(t, err)
	return string(b)
}

// The first page must stay one that people read.
func TestTheREADMEIsShort(t *testing.T) {
	require.LessOrEqual(t, strings.Count(read(t, "README.md"), "\n"), 250)
}

// What a reader copies first are programs that are built, tested and run.
func TestTheProgramsInTheDocumentsAreExamplesThatAreTested(t *testing.T) {
	for document, example := range map[string]string{
		"docs/frameworks.md": "examples/minimal", "docs/telemetry.md": "examples/metrics", "docs/durable.md": "examples/durable",
	} {
		_, program, found := strings.Cut(read(t, example+"/main.go"), "\npackage main\n")
		require.True(t, found)
		require.Contains(t, read(t, document), "```go\npackage main\n"+program+"```\n", example)
	}
	require.LessOrEqual(t, strings.Count(read(t, "examples/durable/main.go"), "\n"), 62, "it fits on one screen")
	tests := 0
	for _, b := range blocksOf("docs/testing.md", read(t, "docs/testing.md")) {
		if strings.HasPrefix(b.code, "func TestAnOrder") {
			require.Contains(t, read(t, "examples/minimal/main_test.go"), b.code)
			tests++
		}
	}
	require.Equal(t, 1, tests)
}

func TestThreeLinesMoveACallbackToDisk(t *testing.T) {
	diffs := regexp.MustCompile("(?ms)^```diff\n(.*?)^```$").FindAllStringSubmatch(read(t, "docs/durable.md"), -1)
	require.Len(t, diffs, 1)
	require.Len(t, regexp.MustCompile(`(?m)^[+-]`).FindAllString(diffs[0][1], -1), 3)
}

var (
	// [text](target "title"), and ![image](target).
	inlineLink = regexp.MustCompile(`\]\(<?([^()\s>]+)>?(?:\s+"[^"]*")?\)`)
	fenced     = regexp.MustCompile("(?ms)^```.*?^```$")
	heading    = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*#*$`)
	anchorDrop = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
)

// anchors lists the fragments that a document's headings can be reached by.
func anchors(markdown string) map[string]bool {
	found := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(markdown, ""), -1) {
		found[anchor(m[1])] = true
	}
	return found
}

// anchor returns the fragment that leads to a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(anchorDrop.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestEveryRelativeLinkLeadsSomewhere(t *testing.T) {
	for _, file := range tracked(t, ".md") {
		text := fenced.ReplaceAllString(read(t, file), "")
		for _, m := range inlineLink.FindAllStringSubmatch(text, -1) {
			target, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, ":") {
				continue // another site, or a mail address
			}
			path := file
			if target != "" {
				path = filepath.Join(filepath.Dir(file), target)
			}
			if !assertExists(t, file, m[1], path) {
				continue
			}
			if fragment != "" && filepath.Ext(path) == ".md" && !anchors(read(t, path))[fragment] {
				t.Errorf("%s links to %s: no such heading", file, m[1])
			}
		}
	}
}

func assertExists(t *testing.T, file, link, path string) bool {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root(t), path)); err != nil {
		t.Errorf("%s links to %s: no such file", file, link)
		return false
	}
	return true
}

var (
	makeCall   = regexp.MustCompile("(?m)(?:^\\s*(?:\\$ )?|`)make ([a-z-]+)")
	makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

func TestEveryMakeTargetThatIsNamedExists(t *testing.T) {
	targets := make(map[string]bool)
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	require.Contains(t, targets, "test")
	for _, file := range tracked(t, ".md") {
		for _, m := range codeOnly(read(t, file)) {
			for _, call := range makeCall.FindAllStringSubmatch(m, -1) {
				require.True(t, targets[call[1]], "%s names make %s: no such target", file, call[1])
			}
		}
	}
}

var inlineCode = regexp.MustCompile("`[^`\n]+`")

// codeOnly returns the code of a document, its blocks and its spans: "make
// sure" elsewhere is English.
func codeOnly(markdown string) []string {
	return append(fenced.FindAllString(markdown, -1), inlineCode.FindAllString(fenced.ReplaceAllString(markdown, ""), -1)...)
}

// A path of one machine in a committed file is a mistake on every other one.
var machinePath = regexp.MustCompile(`(?m)(?:^|[\s"'=(:` + "`" + `])(/(?:root|tmp|home/\w+|Users/\w+)/[\w.])`)

func TestNoFileNamesAPathOfOneMachine(t *testing.T) {
	for _, file := range tracked(t) {
		b, err := os.ReadFile(filepath.Join(root(t), file))
		if os.IsNotExist(err) {
			continue // deleted, not committed yet
		}
		require.NoError(t, err)
		for _, m := range machinePath.FindAllSubmatch(b, -1) {
			t.Errorf("%s names %s…", file, m[1])
		}
	}
}
