package rules_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

var update = flag.Bool("update", false, "write ALERTS.md")

// cell is what an alert does in a situation: of the two sides, fires in trouble and
// silent in health, those that have no reason are tested.
type cell struct{ fires, silent string }

// cellOf finds what is known of a cell.
func cellOf(alert, situation string) cell {
	c := reasons[alert+" / "+situation]
	for _, any := range []string{alert + " / *", "* / " + situation} {
		if r, known := reasons[any]; known && c == (cell{}) {
			c = r
		}
	}
	return c
}

// group writes a test of promtool for a situation and all troubles of one span of time,
// in trouble, in health, or both.
func (s situation) group(all []trouble, sides ...bool) string {
	var series, exprs strings.Builder
	t := all[0].times
	for _, tr := range all {
		c := cellOf(tr.alert, s.name)
		for _, side := range []struct {
			job    string
			bad    bool
			reason string
		}{{"bad-" + tr.alert, true, c.fires}, {"well-" + tr.alert, false, c.silent}} {
			if side.reason != "" || !slices.Contains(sides, side.bad) {
				continue
			}
			f := fleet{job: side.job, times: t, out: &series, scraped: func(m int) bool { return s.scraped == nil || s.scraped(t, m) }}
			for i, p := range s.processes(t, side.bad) {
				p.traffic = func(m int) float64 {
					if s.traffic == nil {
						return t.callbacks
					}
					return s.traffic(t, m)
				}
				tr.exposes(view{f, p})
				if i == 0 && !side.bad && s.name == "little traffic" {
					view{f, p}.counter("afterglow_callbacks_total", ends("canceled"), func(m int) float64 {
						if m == t.event {
							return 1
						}
						return 0
					})
				}
			}
			of := fmt.Sprintf(`ALERTS{alertname="%s", alertstate="firing", job="%s"}`, tr.alert, side.job)
			if tr.alert == "AfterglowTelemetryAbsent" { // it has no job
				of = `ALERTS{alertname="AfterglowTelemetryAbsent", alertstate="firing"}`
			}
			if side.bad {
				for _, at := range s.checks(t) {
					fmt.Fprintf(&exprs, "      - {expr: 'group(%s)', eval_time: %dm, exp_samples: [{labels: '{}', value: 1}]}\n", of, at-at%t.every)
				}
				if s.name == "two namespaces and clusters" && tr.alert != "AfterglowTelemetryAbsent" {
					fmt.Fprintf(&exprs, "      - {expr: 'group by (cluster, namespace) (count_over_time(%s[2d]))', eval_time: %dm, exp_samples: [{labels: '{cluster=\"eu\", namespace=\"prod\"}', value: 1}]}\n", of, t.end)
				}
			} else {
				fmt.Fprintf(&exprs, "      - {expr: 'group(count_over_time(%s[2d]))', eval_time: %dm, exp_samples: []}\n", of, t.end)
			}
		}
	}
	if exprs.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("rule_files: [rules.yml]\nevaluation_interval: %dm\ngroup_eval_order: [afterglow-traffic, afterglow-error-budget, afterglow-latency-budget, afterglow-slo, afterglow-lost-work, afterglow-queue, afterglow-callbacks, afterglow-durable, afterglow-telemetry]\n"+
		"tests:\n  - name: %s\n    interval: 1m\n    input_series:\n%s    promql_expr_test:\n%s", t.every, s.name, &series, &exprs)
}

// checks are the minutes at which an alert fires in trouble: at the end, and when
// Prometheus has been back for two minutes.
func (s situation) checks(t times) []int {
	if s.name == "restart of Prometheus" && t != days {
		return []int{t.event + 6, t.end}
	}
	return []int{t.end}
}

// write lays out the rules that some alerts need, and a test.
func write(t *testing.T, all []trouble, test string, texts bool) (dir string) {
	t.Helper()
	dir = t.TempDir()
	files := filesOf(t, query.DefaultOptions(), rules.DefaultOptions())
	alerts := readRules(t, files["prometheus/alerts.rules.yml"])
	if !texts {
		alerts = withoutTexts(alerts)
	}
	recording := readRules(t, files["prometheus/recording.rules.yml"])
	writeRules(t, needed(slices.Concat(recording, alerts), alertsOf(all)), dir, "rules.yml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.test.yml"), []byte(test), 0o600))
	return dir
}

func alertsOf(all []trouble) (names []string) {
	for _, tr := range all {
		names = append(names, tr.alert)
	}
	return names
}

// TestEachAlertInEachSituation has each alert fire in its trouble and stay silent in
// health, whatever else happens to the fleet, over the real windows. A cell that is
// not tested has a reason.
func TestEachAlertInEachSituation(t *testing.T) {
	if testing.Short() {
		t.Skip("days pass in it, which takes minutes")
	}
	for _, s := range situations {
		t.Run(s.name, func(t *testing.T) {
			for _, span := range []times{minutes, hours, days} {
				var all, absences []trouble
				for _, tr := range troubles {
					switch {
					case tr.times != span:
					case tr.alert == "AfterglowTelemetryAbsent":
						absences = append(absences, tr) // nobody else may be seen
					default:
						all = append(all, tr)
					}
				}
				for _, of := range [][]trouble{all, absences} {
					if len(of) == 0 {
						continue
					}
					for _, test := range s.tests(of) {
						out, err := command(t, write(t, of, test, false), "promtool", "test", "rules", "a.test.yml")
						assert.NoError(t, err, out)
					}
				}
			}
		})
	}
}

// tests are those of some troubles. An absence is one of all that Prometheus sees, so
// its two sides cannot be in one test; and days of both are more samples than
// promtool reads at once.
func (s situation) tests(of []trouble) (tests []string) {
	sides := [][]bool{{true, false}}
	if of[0].times == days || of[0].alert == "AfterglowTelemetryAbsent" {
		sides = [][]bool{{true}, {false}}
	}
	for _, side := range sides {
		if test := s.group(of, side...); test != "" {
			tests = append(tests, test)
		}
	}
	return tests
}

func TestEachAlertHasATrouble(t *testing.T) {
	names := []string{"AfterglowWatchdog"} // it always fires
	for _, tr := range troubles {
		names = append(names, tr.alert)
	}
	require.ElementsMatch(t, alertNames(t), names)
}

func TestReasonsAreOfCellsThatThereAre(t *testing.T) {
	for key := range reasons {
		alert, name, _ := strings.Cut(key, " / ")
		require.True(t, alert == "*" || slices.Contains(alertNames(t), alert), key)
		require.True(t, name == "*" || slices.ContainsFunc(situations, func(s situation) bool { return s.name == name }), key)
	}
}

const tableHead = `<!-- Written by the tests of internal/rules with -update. DO NOT EDIT. -->

# What each alert does in each situation

Each alert has a trouble that it is about. A test has a fleet of simulated processes go through each situation twice, with the trouble and
without it, and asks promtool what fires, over the real windows of the rules. In trouble the alert must **fire**, at the end of the test at the latest. In
health it must be **silent** all the time. A number in brackets is that of the reason, below the table, why one side is not tested. The tests in
[prometheus/tests](prometheus/tests) are written by hand: they have more trouble, and the moments at which an alert begins and ends.

`

const tableTail = `
## What no table can show

- **A restart of Prometheus** also begins each alert's ` + "`for`" + ` anew, which promtool cannot do. An alert that does not fire again in time is told as over, in the
  midst of an outage. So the pages of a burning budget and of a queue that stands still have no ` + "`for`" + `, and no ` + "`for`" + ` is longer than two minutes. What must last
  longer is asked of the samples, which outlive a restart. Prometheus says of an alert that it lasts for four times ` + "`--rules.alert.resend-delay`" + `, from the last time it
  said so. (Alertmanager's ` + "`resolve_timeout`" + ` does not matter: Prometheus sends an end with each alert. Nor does ` + "`--rules.alert.for-grace-period`" + ` help: Prometheus
  restores how long an alert has lasted only after its second evaluation.) So for this long Prometheus may be away at most; a real one that is away for longer and for less shows it:
` + "%s" + `- **A restart of Prometheus forgets ` + "`keep_firing_for`" + `**: an alert that is kept, though its condition has ended, is told as over some minutes early. No second page follows:
  AfterglowErrorBudgetBurn asks the samples whether the fast one has just ended.
- **Two Prometheus** with the same rules send the same alerts. If their external labels differ, such as ` + "`replica`" + `, drop that label in
  ` + "`alerting.alert_relabel_configs`" + `, as deploy/prometheus/prometheus.yml does: then Alertmanager tells of each alert once. Without that, you hear twice. (Two real ones do.)
- **Two Alertmanagers** of one cluster tell once, if both know of the alert, so Prometheus must send to both. If they cannot reach each other, you hear twice. (Two real ones do.)
- **Federation and global views**: the sums keep ` + "`cluster`, `namespace` and `job`" + ` and drop all other labels. If two replicas of a Prometheus are federated without
  deduplication, every count is twice as high: ratios stay right, limits of counts, such as ten failures, are reached too early, and alerts of single instances come
  twice (tests/views.test.yml). Evaluate the rules where the samples are scraped.
- **A renamed callback** is silent under its old name, and AfterglowCallbackSilent says so for about a day (tests/renamed.test.yml). Nothing can tell it from a handler that has
  forgotten its callback.
- **A crash loop that is faster than the scrapes** shows in the time at which the process started. client_golang's process collector exposes it; without that, only counters that
  begin anew show it, if callbacks were asked for.
- **A process that lives for less than two scrapes**, and **the first failure of a name**, show no increase. Declare names (` + "`runner.Config.Names`" + `), so
  that the 0 is there before the first failure, or have Prometheus take created timestamps (see [README.md](README.md)). A process of thirty
  seconds is seen only by its logs.
`

// document writes the table.
func document(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(tableHead)
	for _, s := range situations {
		fmt.Fprintf(&b, "- *%s*: %s\n", s.name, s.means)
	}
	b.WriteString("\n| alert |")
	for _, s := range situations {
		fmt.Fprintf(&b, " %s |", s.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(situations)) + "\n")
	var notes []string
	note := func(reason string) string {
		i := slices.Index(notes, reason)
		if i < 0 {
			i = len(notes)
			notes = append(notes, reason)
		}
		return fmt.Sprintf("(%d)", i+1)
	}
	for _, tr := range troubles {
		fmt.Fprintf(&b, "| %s |", tr.alert)
		for _, s := range situations {
			c := cellOf(tr.alert, s.name)
			fires, silent := "fires", "silent"
			if c.fires != "" {
				fires = note(c.fires)
			}
			if c.silent != "" {
				silent = note(c.silent)
			}
			fmt.Fprintf(&b, " %s, %s |", fires, silent)
		}
		b.WriteString("\n")
	}
	b.WriteString("\nAfterglowWatchdog always fires.\n\n")
	for i, reason := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, reason)
	}
	fmt.Fprintf(&b, tableTail, absences(alertsByHold(t)))
	return b.String()
}

func TestTheTableOfAlertsIsWrittenDown(t *testing.T) {
	const path = "../../ALERTS.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(document(t)), 0o600))
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, document(t), string(text), "go test ./internal/rules -run Table -update")
}
