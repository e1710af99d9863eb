package rules_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	entryHead = regexp.MustCompile(`(?m)^## (\S+)$`)
	panelName = regexp.MustCompile(`\*([^*]+)\* \((Overview|Callback|SLO|Runtime)\)`)
	anchorTo  = regexp.MustCompile(`\]\(#([^)]+)\)`)

	// The parts of an entry, in the order in which they are needed.
	parts = []string{"What you see.", "What it means.", "How to confirm.", "What to do.", "How to know it is over."}
)

// entries are those of the runbook, by alert.
func entries(t *testing.T, text string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	heads := entryHead.FindAllStringSubmatchIndex(text, -1)
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		name := text[h[2]:h[3]]
		require.NotContains(t, found, name, "two entries")
		found[name] = text[h[1]:end]
	}
	return found
}

// runbookFaults says what a runbook lacks.
func runbookFaults(t *testing.T, text string, alerts []string, panels map[string][]string) (faults []string) {
	t.Helper()
	book := entries(t, text)
	for _, alert := range alerts {
		entry, ok := book[alert]
		if !ok {
			faults = append(faults, alert+": no entry")
			continue
		}
		at := 0
		for _, part := range parts {
			i := strings.Index(entry[at:], "**"+part+"** ")
			// A part that comes straight after its head is empty; that of a list is not.
			if i < 0 {
				if i = strings.Index(entry[at:], "**"+part+"**\n1. "); i < 0 {
					faults = append(faults, alert+": no part "+part)
					continue
				}
			}
			at += i
		}
		if !strings.Contains(entry, "```promql\n") {
			faults = append(faults, alert+": no query to confirm it with")
		}
	}
	for name := range book {
		if !slices.Contains(alerts, name) {
			faults = append(faults, name+": no such alert")
		}
	}
	for _, m := range panelName.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(panels[m[2]], m[1]) {
			faults = append(faults, m[2]+" has no panel "+m[1])
		}
	}
	for _, m := range anchorTo.FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(alerts, func(a string) bool { return strings.ToLower(a) == m[1] }) {
			faults = append(faults, "a link leads to #"+m[1])
		}
	}
	return faults
}

// panels are the titles of every dashboard's, by its name in the runbook.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, name := range []string{"Overview", "Callback", "SLO", "Runtime"} {
		text, err := os.ReadFile("../../grafana/" + strings.ToLower(name) + ".json")
		require.NoError(t, err)
		var d struct{ Panels []struct{ Title string } }
		require.NoError(t, json.Unmarshal(text, &d))
		for _, p := range d.Panels {
			found[name] = append(found[name], p.Title)
		}
	}
	return found
}

func runbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../RUNBOOK.md")
	require.NoError(t, err)
	return string(text)
}

func TestTheRunbookHasAWholeEntryForEachAlertAndNoOther(t *testing.T) {
	require.Empty(t, runbookFaults(t, runbook(t), alertNames(t), panels(t)))
}

func TestFaultsOfARunbookAreFound(t *testing.T) {
	for name, c := range map[string]struct{ old, with, found string }{
		"an alert without an entry": {"## AfterglowPanics\n", "## Panics\n", "AfterglowPanics: no entry"},
		"an entry without an alert": {"## AfterglowPanics\n", "## AfterglowPanic\n", "AfterglowPanic: no such alert"},
		"a part is missing":         {"**What to do.** Read the top", "Read the top", "AfterglowPanics: no part What to do."},
		"a part is empty":           {"**What you see.** A callback panicked", "**What you see.**\n\nA callback panicked", "AfterglowPanics: no part What you see."},
		"a panel that is not there": {"Panel *When it failed* (Callback)", "Panel *When it panicked* (Callback)", "Callback has no panel When it panicked"},
		"a link to nowhere":         {"(#afterglowpanics)", "(#panics)", "a link leads to #panics"},
		"no query":                  {"```promql\nup{", "```\nup{", "AfterglowScrapeLost: no query"},
	} {
		t.Run(name, func(t *testing.T) {
			text := runbook(t)
			require.Contains(t, text, c.old)
			faults := runbookFaults(t, strings.ReplaceAll(text, c.old, c.with), alertNames(t), panels(t))
			require.Contains(t, strings.Join(faults, "\n"), c.found)
		})
	}
}
