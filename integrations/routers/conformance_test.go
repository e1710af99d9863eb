package routers

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/conformance"
)

var update = flag.Bool("update", false, "write CONFORMANCE.md anew")

const document = "CONFORMANCE.md"

//go:generate go test -count=1 -run ^TestConformance$ . -update

// TestConformance holds every framework to the suite, and to cases of its own, and
// compares what was shown with what the document says.
func TestConformance(t *testing.T) {
	servers := suite()
	shown := conformance.Run(t, servers...)
	cases, reasons := runRouterCases(t)
	t.Log("\n" + cases.String())
	if t.Failed() || isPartial(shown) || isPartial(cases) {
		return
	}
	text := render(servers, shown, cases, reasons)
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(text), 0o600))
	}
	b, err := os.ReadFile(document)
	require.NoError(t, err)
	require.Equal(t, text, string(b), "run go generate")
}

// suite is every framework as a server of the suite.
func suite() []conformance.Server {
	var servers []conformance.Server
	for _, f := range frameworks() {
		if f.any == nil {
			continue
		}
		for _, at := range mountings {
			servers = append(servers, f.server(conformance.HTTP1, at))
		}
	}
	for _, stream := range []bool{false, true} {
		for _, at := range mountings {
			servers = append(servers, connectServer(at, stream))
		}
	}
	return append(append(servers, proxied()), echoStarts()...)
}

// The promise on HTTP/2 is exact with exacth2. Without it the promise is weaker, and the table is not kept: how
// many callbacks are early differs from run to run.
func TestConformanceOfHTTP2(t *testing.T) {
	if testing.Short() {
		t.Skip("HTTP/1.1 is enough for a quick look at the mounting")
	}
	var servers []conformance.Server
	for _, f := range frameworks() {
		if f.any == nil {
			continue
		}
		for _, at := range mountings {
			servers = append(servers, f.server(conformance.HTTP2, at), f.exactHTTP2(at))
		}
	}
	conformance.Run(t, servers...)
}

// isPartial reports whether a filter has left out some of the cases.
func isPartial(table conformance.Table) bool {
	return slices.ContainsFunc(table, func(row []string) bool { return slices.Contains(row, "") })
}

// render returns the document.
func render(servers []conformance.Server, shown, cases conformance.Table, reasons reasons) string {
	var b strings.Builder
	b.WriteString(`# What was shown with real routers

Written by ` + "`go generate`" + ` in this directory, and held by TestConformance. All servers are bound and speak HTTP/1.1.
On HTTP/2 with package exacth2, TestConformanceOfHTTP2 holds the same frameworks to the same promise.
*Around*: Middleware is around the whole engine. *Within*: it was added in the framework's own way, as the [README](README.md) shows.

- **exact**: no callback started before the last byte of its response was with the kernel
- **ok**: the case has passed; it is not about that moment
- **–**: left out, for the reason below the table

## The promise

`)
	b.WriteString(conformance.Summary(servers))
	b.WriteString("\n## The suite of every server\n\n")
	b.WriteString(short(shown).String())
	b.WriteString("\n## What frameworks do around Middleware and within it\n\n")
	b.WriteString(short(cases).String())
	b.WriteString("\n## What was left out, and why\n\n")
	for _, s := range servers {
		for _, c := range slices.Sorted(maps.Keys(s.Without)) {
			reasons.add(string(c), s.Without[c], s.Name)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(reasons)) {
		fmt.Fprintf(&b, "- %s (%s)\n", what, strings.Join(reasons[what], "; "))
	}
	return b.String()
}

// reasons are those for what was left out, each with the servers it is about.
type reasons map[string][]string

func (r reasons) add(what, why, server string) {
	key := fmt.Sprintf("**%s**: %s", what, why)
	r[key] = append(r[key], server)
}

// short returns the table without its counts.
func short(table conformance.Table) conformance.Table {
	words := conformance.Table{table[0]}
	for _, row := range table[1:] {
		cells := []string{row[0]}
		for _, cell := range row[1:] {
			word, _, _ := strings.Cut(cell, " ")
			if cell == leftOut {
				word = "–"
			}
			cells = append(cells, word)
		}
		words = append(words, cells)
	}
	return words
}
