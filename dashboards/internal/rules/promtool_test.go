package rules_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// command runs a tool, in dir, and returns what it says.
func command(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	path, err := tool.Binary(t.Context(), name, os.Stderr)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// filesOf returns the files that are generated with these options. They are generated once for all tests.
func filesOf(t *testing.T, q query.Options, o rules.Options) map[string][]byte {
	t.Helper()
	key := fmt.Sprintf("%+v %+v", q, o)
	if kept[key] == nil {
		config, err := query.New(q)
		require.NoError(t, err)
		kept[key], err = rules.Files(config, o)
		require.NoError(t, err)
	}
	return kept[key]
}

// kept are files by their options, of which most tests want the same. No test runs in parallel.
var kept = make(map[string]map[string][]byte)

// generate writes the files with some options, and the tests beside them.
func generate(t *testing.T, q query.Options, o rules.Options) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "prometheus", "tests"), os.DirFS("../../prometheus/tests")))
	for name, text := range filesOf(t, q, o) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
	return dir
}

func TestPrometheusTakesTheRulesWhateverTheOptions(t *testing.T) {
	for name, change := range map[string]func(*query.Options, *rules.Options){
		"defaults":   func(*query.Options, *rules.Options) {},
		"matchers":   func(q *query.Options, _ *rules.Options) { q.Matcher = `cluster="eu", env=~"prod.*"` },
		"job":        func(q *query.Options, _ *rules.Options) { q.Matcher = `job=~"shop.*"` },
		"prefix":     func(q *query.Options, _ *rules.Options) { q.MetricPrefix = "shop_after" },
		"objectives": func(q *query.Options, _ *rules.Options) { q.SLO, q.LatencySLO = 0.95, 0.9999 },
		"rare work":  func(_ *query.Options, o *rules.Options) { o.MayBeSilent = `report\..*|"odd"` },
		"rare jobs":  func(_ *query.Options, o *rules.Options) { o.MayBeAbsent = "batch-.*|`odd`|50%" },
		"a regexp":   func(q *query.Options, _ *rules.Options) { q.Matcher = "env=~\"`odd`|50%\"" },
		"compressed": func(_ *query.Options, o *rules.Options) { o.Compress = 300 },
	} {
		t.Run(name, func(t *testing.T) {
			q, o := query.DefaultOptions(), rules.DefaultOptions()
			change(&q, &o)
			out, err := command(t, generate(t, q, o), "promtool", "check", "rules", "--lint=all", "--lint-fatal",
				"prometheus/recording.rules.yml", "prometheus/alerts.rules.yml")
			require.NoError(t, err, out)
		})
	}
}

func TestPromtoolFindsWhatIsWrongWithRules(t *testing.T) {
	const recording, alerts = "prometheus/recording.rules.yml", "prometheus/alerts.rules.yml"
	for name, c := range map[string]struct{ file, old, with, found string }{
		"PromQL":                     {alerts, "> 14.4", "> > 14.4", "could not parse expression"},
		"a template":                 {alerts, "{{ $labels.runner }}", "{{ $labels.runner }", "unexpected"},
		"two rules with one name":    {recording, "record: runner:afterglow_starts_late:rate5m\n", "record: runner:afterglow_starts:rate5m\n", "1 duplicate rule"},
		"a field Prometheus has not": {alerts, "keep_firing_for", "keep_firing", "field keep_firing not found"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := generate(t, query.DefaultOptions(), rules.DefaultOptions())
			require.True(t, replace(t, filepath.Join(dir, c.file), c.old, c.with))
			out, err := command(t, dir, "promtool", "check", "rules", "--lint=all", "--lint-fatal", c.file)
			require.Error(t, err)
			require.Contains(t, out, c.found)
		})
	}
}

func replace(t *testing.T, file, old, with string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, with)), 0o600))
	return strings.Contains(string(text), old)
}

// testRules runs every test of rules, each with the rules that it names.
func testRules(t *testing.T, dir string) (out string, failed bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "prometheus", "tests", "*.test.yml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	recording := readRules(t, readFile(t, dir, "prometheus", "recording.rules.yml"))
	alerts := withoutTexts(readRules(t, readFile(t, dir, "prometheus", "alerts.rules.yml")))
	all := slices.Concat(recording, alerts)
	for _, file := range files {
		test, err := os.ReadFile(file)
		require.NoError(t, err)
		kept := needed(all, ruleName.FindAllString(string(test), -1))
		writeRules(t, kept, dir, "prometheus", "alerts.rules.yml")
		writeRules(t, nil, dir, "prometheus", "recording.rules.yml")
		said, err := command(t, dir, "promtool", "test", "rules", file)
		out += said
		failed = failed || err != nil
	}
	return out, failed
}

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return text
}

func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	if testing.Short() {
		t.Skip("days pass in it, which takes some 20 seconds")
	}
	out, failed := testRules(t, generate(t, query.DefaultOptions(), rules.DefaultOptions()))
	require.False(t, failed, out)
}

// The tests of an alert are worth nothing if they hold for one that never
// fires, or always does.
func TestTheTestsOfEachAlertFailIfItNeverFiresOrAlwaysDoes(t *testing.T) {
	for name, c := range map[string]struct{ expr, found string }{
		"never":  {"vector(1) < 0", `expr: "ALERTS{alertname=\"%s\", alertstate=\"firing\"}"`},
		"always": {"vector(1)", "alertname: %s,"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := generate(t, query.DefaultOptions(), rules.DefaultOptions())
			file := filepath.Join(dir, "prometheus", "alerts.rules.yml")
			groups := readRules(t, readFile(t, file))
			for _, g := range groups {
				for i := range g.Rules {
					g.Rules[i] = rules.Rule{Alert: g.Rules[i].Alert, Expr: c.expr}
				}
			}
			writeRules(t, groups, file)
			out, failed := testRules(t, dir)
			require.True(t, failed)
			for _, alert := range alertNames(t) {
				if name == "always" && alert == "AfterglowWatchdog" {
					continue // that is what it does
				}
				require.Contains(t, out, fmt.Sprintf(c.found, alert))
			}
		})
	}
}

// fires finds the alert that an expression of a test asks for.
var fires = regexp.MustCompile(`^ALERTS\{alertname="(\w+)", alertstate="firing"\}$`)

func TestEachAlertIsTestedToFireAndNotTo(t *testing.T) {
	var content struct {
		Tests []struct {
			Alerts []struct {
				Alert string           `yaml:"alertname"`
				Fires []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
			Exprs []struct {
				Expr    string
				Samples []map[string]any `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	fire, silent := make(map[string]bool), make(map[string]bool)
	files, err := filepath.Glob("../../prometheus/tests/*.test.yml")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &content))
		for _, test := range content.Tests {
			for _, i := range test.Alerts {
				// A link has the number of a panel, which changes without them.
				require.Empty(t, i.Fires, "%s: ask for ALERTS: texts have a test of their own", i.Alert)
				silent[i.Alert] = true
			}
			for _, i := range test.Exprs {
				if m := fires.FindStringSubmatch(i.Expr); m != nil {
					require.NotEmpty(t, i.Samples, i.Expr)
					fire[m[1]] = true
				}
			}
		}
	}
	for _, alert := range alertNames(t) {
		require.True(t, fire[alert], "no test lets %s fire", alert)
		require.Equal(t, alert != "AfterglowWatchdog", silent[alert], "a test in which %s does not fire", alert)
	}
}

// alertNames lists the alerts.
func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range alerts(t) {
		names = append(names, r.Alert)
	}
	return names
}

func alerts(t *testing.T) []rules.Rule {
	t.Helper()
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	groups, err := rules.Alerts(q, rules.DefaultOptions())
	require.NoError(t, err)
	var all []rules.Rule
	for _, g := range groups {
		all = append(all, g.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}
