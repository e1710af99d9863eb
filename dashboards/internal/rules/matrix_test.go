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
	"go.yaml.in/yaml/v3"

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
	return fmt.Sprintf("rule_files: [recording.rules.yml, alerts.rules.yml]\nevaluation_interval: %dm\ngroup_eval_order: [afterglow-traffic, afterglow-error-budget, afterglow-latency-budget, alerts]\n"+
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
func write(t *testing.T, all []trouble, test string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	files, err := rules.Files(q, rules.DefaultOptions())
	require.NoError(t, err)
	type file struct{ Groups []rules.Group }
	var content file
	require.NoError(t, yaml.Unmarshal(files["prometheus/alerts.rules.yml"], &content))
	var kept rules.Group
	kept.Name = "alerts"
	for _, g := range content.Groups {
		for _, r := range g.Rules {
			if slices.ContainsFunc(all, func(tr trouble) bool { return tr.alert == r.Alert }) {
				r.Annotations = nil
				kept.Rules = append(kept.Rules, r)
			}
		}
	}
	for i := range kept.Rules {
		kept.Rules[i].Expr = strings.Join(strings.Fields(kept.Rules[i].Expr), " ")
	}
	alerts, err := yaml.Marshal(map[string]any{"groups": []rules.Group{kept}})
	require.NoError(t, err)
	recording := files["prometheus/recording.rules.yml"]
	if all[0].times == minutes { // they read none
		require.NotContains(t, string(alerts), "runner:")
		require.NotContains(t, string(alerts), "runner_callback")
		recording = []byte("groups: []\n")
	}
	for name, text := range map[string][]byte{"alerts.rules.yml": alerts, "recording.rules.yml": recording, "a.test.yml": []byte(test)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return dir
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
						out, err := command(t, write(t, of, test), "promtool", "test", "rules", "a.test.yml")
						assert.NoError(t, err, out) //nolint:testifylint // the other spans of time say more
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
