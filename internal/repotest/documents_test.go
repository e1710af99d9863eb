package repotest

import (
	"fmt"
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

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// fragment is the program that a block of statements is a part of.
const fragment = `package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

type callback = func(context.Context) error

func statements(ctx context.Context, after, mails, reports *runner.Runner, mux *http.ServeMux, cartID string, deliver, mail, recount, reload, refresh, render, run, text callback) (err error) {
	_, _ = time.Second, log.Print
	%s
	return err
}

func main() {}
`

// durableFragment is the same for a block about durable tasks.
const durableFragment = `package main

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

func statements(ctx context.Context, queue *sqlite.Queue, orderEmail *durable.Task[string], id string, page durable.Page) (err error) {
	_ = time.Second
	%s
	return err
}

func main() {}
`

func TestTheGoCodeInTheREADMEBuilds(t *testing.T) {
	blocks := goBlock.FindAllStringSubmatch(read(t, "README.md"), -1)
	require.NotEmpty(t, blocks)
	require.Contains(t, blocks[0][1], "package main", "the first is a whole program")
	for _, b := range blocks {
		program := b[1]
		if strings.HasPrefix(program, "func Test") {
			continue // it is a test of examples/minimal
		}
		isDurable := strings.Contains(program, "queue")
		switch {
		case strings.Contains(program, "package main"):
			isDurable = strings.Contains(program, module+"/durable")
		case isDurable && !strings.Contains(program, "runner."):
			program = fmt.Sprintf(durableFragment, program)
		default:
			isDurable = false
			program = fmt.Sprintf(fragment, program)
		}
		c := newConsumer(t, program)
		c.lendChecksums(t)
		if isDurable {
			c.requireDurable(t)
		}
		c.build(t)
	}
}

// diffed is the program around the block of the README that moves a callback from memory to disk.
const diffed = `package main

import (
	"context"
	"net/http"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/runner"
)

var (
	queue *sqlite.Queue
	_     = runner.After
	_     = durable.Full
)

func sendMail(ctx context.Context, id string) error { return ctx.Err() }

%s
	_ = err
}

func main() { http.HandleFunc("POST /orders/{id}", placeOrder) }
`

func TestBothSidesOfTheDiffInTheREADMEBuildAndThreeLinesDiffer(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```diff\n(.*?)^```$").FindAllStringSubmatch(read(t, "README.md"), -1)
	require.Len(t, blocks, 1)
	var before, after strings.Builder
	differ := 0
	for line := range strings.Lines(blocks[0][1]) {
		if line[0] != '-' {
			after.WriteString(line[min(1, len(line)-1):])
		}
		if line[0] != '+' {
			before.WriteString(line[min(1, len(line)-1):])
		}
		if line[0] == '+' || line[0] == '-' {
			differ++
		}
	}
	require.Equal(t, 3, differ)
	for _, side := range []string{before.String(), after.String()} {
		c := newConsumer(t, fmt.Sprintf(diffed, side))
		c.lendChecksums(t)
		c.requireDurable(t)
		c.build(t)
	}
}

// The programs a reader copies first are ones that are built, tested and run.
func TestTheREADMEHasExamplesThatAreTestedAndTheTestOfTheFirst(t *testing.T) {
	blocks := goBlock.FindAllStringSubmatch(read(t, "README.md"), -1)
	for i, file := range []string{"examples/minimal/main.go", "examples/metrics/main.go"} {
		require.Greater(t, len(blocks), i)
		_, program, _ := strings.Cut(read(t, file), "\npackage main\n")
		require.Equal(t, "package main\n"+program, blocks[i][1], file)
	}
	_, program, _ := strings.Cut(read(t, "examples/durable/main.go"), "\npackage main\n")
	require.Contains(t, read(t, "README.md"), "```go\npackage main\n"+program+"```\n")
	require.LessOrEqual(t, strings.Count(read(t, "examples/durable/main.go"), "\n"), 60, "it fits on one screen")
	tests := 0
	for _, b := range blocks {
		if strings.HasPrefix(b[1], "func Test") {
			require.Contains(t, read(t, "examples/minimal/main_test.go"), b[1])
			tests++
		}
	}
	require.Equal(t, 1, tests)
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
		text := anchorDrop.ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(text, " ", "-")] = true
	}
	return found
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
