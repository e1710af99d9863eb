// Package report writes what was measured: tables, a picture, and whether the
// targets are met.
package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
)

// Results is all that was measured. A book that is nil was not asked for.
type Results struct {
	Machine Machine
	Command string
	Took    time.Duration
	Before  string // the commit that took turns with this one; "": none

	Throughput, Latency, Memory, HTTP, Scrape, Console, Parts *measure.Book
}

// section is a question with its answer.
type section struct {
	title string
	book  *measure.Book
	text  string
	table func(*measure.Book) string
}

func (r Results) sections() []section {
	return []section{
		{"Throughput", r.Throughput, throughputText, throughputTables},
		{"Latency under load", r.Latency, latencyText, latencyTable},
		{"Memory of a waiting callback", r.Memory, memoryText, memoryTable},
		{"HTTP", r.HTTP, httpText, httpTables},
		{"Reading the books", r.Scrape, scrapeText, scrapeTable},
		{"The console", r.Console, consoleText, consoleTable},
		{"What a sampled callback pays for", r.Parts, partsText, partsTable},
	}
}

// Markdown is the whole document; picture is the path of the plot, "" without.
func (r Results) Markdown(picture string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nWritten by `%s` in %s on %s.\n\n", r.Command, r.Took.Round(time.Second), r.Machine)
	if r.Machine.busy() {
		b.WriteString(busyText)
	}
	b.WriteString(preamble)
	if picture != "" {
		fmt.Fprintf(&b, "\n![What an empty task costs, for each contestant](%s)\n", picture)
	}
	if targets := r.Targets(); len(targets) > 0 {
		fmt.Fprintf(&b, "\n## Targets\n\n%s\n%s", targetText, targetTable(targets))
	}
	if r.Before != "" {
		fmt.Fprintf(&b, "\n## Before and after\n\n"+beforeText+"\n%s", r.Before, r.beforeTable())
	}
	for _, s := range r.sections() {
		if s.book != nil {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n%s", s.title, s.text, s.table(s.book))
		}
	}
	return b.String()
}

const busyText = `**The machine was busy with other work.** Ratios of costs are still of use; waits, p99s and the figures of HTTP say more
about that work than about the contestants. Measure again on a quiet one.

`

const preamble = `Only ratios within one run mean something on another machine. Each measurement is made by a process of its own.
Contestants take turns, round by round in shuffled order, so that whatever else the machine did met all of them. Figures are medians
over the rounds; ratios are medians of the ratios within each round, and so need not be the quotient of the two medians.
Pools have 8 workers and, where they bound it, a queue of 1,024 with a blocking submit.

Afterglow is asked with ` + "`Go`" + `, and with ` + "`After`" + ` in a scope that is opened and released for every three callbacks. The scope's cost is in
the figures of ` + "`After`" + `. The other pools know no scopes and pay for nothing like it.

The pools "by hand" have what a careful engineer puts around a task: recover, ` + "`context.WithTimeout`" + `, a counter, two
histograms (classic and native, as Afterglow's), a gauge, and a span linked to the request's; series are looked up
once. They have no accounting, no watch for overruns and no call sites, which Afterglow has in its figures. Sampled, Afterglow also has
exemplars, an event on the request's span, and the line that asked. Of the pools by hand only "channel + exemplars" records the same; its line is a
constant. SDK sampled means a batch processor to an exporter that discards. Under a flood it drops what it cannot keep, for everyone
alike. "Metrics only" has no code for spans by hand. Afterglow has the no-op provider then, and no request's span.
`
