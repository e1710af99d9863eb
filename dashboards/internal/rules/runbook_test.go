package rules_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

var (
	entryHead = regexp.MustCompile(`(?m)^## (\S+)$`)
	anyHead   = regexp.MustCompile(`(?m)^#+ (.+)$`)
	panelName = regexp.MustCompile(`\*([^*]+)\* \((Overview|Callback|SLO|Runtime|Durable)\)`)
	restart   = regexp.MustCompile(`restart\s+(?:it|the\s+instance)\b`)
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
func runbookFaults(t *testing.T, text string, rules []rules.Rule, panels map[string][]string) (faults []string) {
	t.Helper()
	book := entries(t, text)
	var alerts []string
	for _, r := range rules {
		alert := r.Alert
		alerts = append(alerts, alert)
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
		faults = append(faults, firstPanelFaults(r, entry)...)
		if at := restart.FindStringIndex(entry); at != nil && !strings.Contains(entry[:at[0]], "(#before-a-restart)") {
			faults = append(faults, alert+": a restart before there is evidence")
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
	var anchors []string
	for _, m := range anyHead.FindAllStringSubmatch(text, -1) {
		anchors = append(anchors, strings.ReplaceAll(strings.ToLower(m[1]), " ", "-"))
	}
	for _, m := range anchorTo.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(anchors, m[1]) {
			faults = append(faults, "a link leads to #"+m[1])
		}
	}
	return faults
}

// dashboards are the names in the runbook of those that alerts link to.
var dashboards = map[string]string{
	"afterglow-overview": "Overview", "afterglow-callback": "Callback", "afterglow-slo": "SLO", "afterglow-runtime": "Runtime",
	"afterglow-durable": "Durable",
}

// firstPanelFaults compares the panel that an alert's description names, if any,
// with the first of its entry, and their dashboards: a reader who follows the
// link finds the panel there.
func firstPanelFaults(r rules.Rule, entry string) (faults []string) {
	_, panel, named := strings.Cut(strings.TrimSuffix(r.Annotations["description"], "."), " Panel: ")
	_, confirm, _ := strings.Cut(entry, "**How to confirm.**")
	confirm, _, _ = strings.Cut(confirm, "**What to do.**")
	m := panelName.FindStringSubmatch(confirm)
	if !named {
		if m != nil {
			faults = append(faults, r.Alert+": its description names no panel, its entry does")
		}
		return faults
	}
	_, uid, _ := strings.Cut(r.Annotations["dashboard_url"], "/d/")
	uid, _, _ = strings.Cut(uid, "?")
	if want := []string{panel, dashboards[uid]}; m == nil || !slices.Equal(m[1:], want) {
		faults = append(faults, fmt.Sprintf("%s: the first panel of its entry is not %q (%s)", r.Alert, panel, dashboards[uid]))
	}
	return faults
}

// panels are the titles of every dashboard's, by its name in the runbook.
func panels(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, name := range []string{"Overview", "Callback", "SLO", "Runtime", "Durable"} {
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
	require.Empty(t, runbookFaults(t, runbook(t), alerts(t), panels(t)))
}

// A reader who waits for a notification, or for the news that it is over, reads here
// how long that can take.
func TestTheRunbookSaysWhenNotificationsCome(t *testing.T) {
	text, err := os.ReadFile("../../alertmanager/alertmanager.yml")
	require.NoError(t, err)
	var config struct {
		Route struct {
			Routes []struct {
				Matchers []string
				Wait     string `yaml:"group_wait"`
				Interval string `yaml:"group_interval"`
				Repeat   string `yaml:"repeat_interval"`
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	require.Len(t, config.Route.Routes, 3)
	for _, r := range config.Route.Routes {
		severity, known := map[string]string{
			`alertname="AfterglowWatchdog"`: rules.None, `severity="critical"`: rules.Critical, `severity="warning"`: rules.Warning,
		}[r.Matchers[0]]
		require.True(t, known, r.Matchers)
		require.Regexp(t, fmt.Sprintf(`(?m)^\| .%s. \| [^|]+ \| %s \| %s \| %s \|`, severity, r.Wait, r.Interval, r.Repeat), runbook(t))
	}
}

func TestFaultsOfARunbookAreFound(t *testing.T) {
	for name, c := range map[string]struct{ old, with, found string }{
		"an alert without an entry": {"## AfterglowPanics\n", "## Panics\n", "AfterglowPanics: no entry"},
		"an entry without an alert": {"## AfterglowPanics\n", "## AfterglowPanic\n", "AfterglowPanic: no such alert"},
		"a part is missing":         {"**What to do.** Read the top", "Read the top", "AfterglowPanics: no part What to do."},
		"a part is empty":           {"**What you see.** A callback panicked", "**What you see.**\n\nA callback panicked", "AfterglowPanics: no part What you see."},
		"a panel that is not there": {"Panel *Stuck, by callback* (Callback)", "Panel *Hanging* (Callback)", "Callback has no panel Hanging"},
		"a link to nowhere":         {"(#afterglowpanics)", "(#panics)", "a link leads to #panics"},
		"another panel first":       {"*Its failures' logs* (Callback) of that callback", "*Outcomes* (Overview) of that callback", `AfterglowErrorBudgetBurnFast: the first panel of its entry is not "Its failures' logs" (Callback)`},
		"another dashboard first":   {"Panel *Telemetry errors* (Overview).", "Panel *Scrapes* (Runtime).", `AfterglowTelemetryErrors: the first panel of its entry is not "Telemetry errors" (Overview)`},
		"a panel of none":           {"`/alerts` must show it firing", "panel *Firing alerts* (Overview) must show it", "AfterglowWatchdog: its description names no panel, its entry does"},
		"a restart too early":       {"fetch [what a restart takes with it](#before-a-restart), then restart", "wait for a minute, then restart", "AfterglowScrapeLost: a restart before there is evidence"},
		"no query":                  {"```promql\nup{", "```\nup{", "AfterglowScrapeLost: no query"},
	} {
		t.Run(name, func(t *testing.T) {
			text := runbook(t)
			require.Contains(t, text, c.old)
			faults := runbookFaults(t, strings.ReplaceAll(text, c.old, c.with), alerts(t), panels(t))
			require.Contains(t, strings.Join(faults, "\n"), c.found)
		})
	}
}
