package lint_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	matchers "github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/lint"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

var (
	entryHead   = regexp.MustCompile(`(?m)^## (Afterglow\w+)$`)
	promqlBlock = regexp.MustCompile("(?s)```promql\n(.*?)```")
	metricWord  = regexp.MustCompile(`\bafterglow_\w+`)
	flagWord    = regexp.MustCompile("`-([a-z][a-z-]*)[^`]*`")
	urlVariable = regexp.MustCompile(`var-(\w+)=\{\{ \$labels\.`) // of the alert itself
)

// queryFaults says what is wrong with the queries, metrics and flags that a
// runbook names. Labels are those of each alert.
func queryFaults(t *testing.T, text string, labels map[string][]string, catalog lint.Catalog, recorded, flags []string) (faults []string) {
	t.Helper()
	alert, found := "", 0
	for _, part := range regexp.MustCompile("(?s)## Afterglow\\w+\n|```promql\n.*?```").FindAllString(text, -1) {
		if m := entryHead.FindStringSubmatch(strings.TrimSpace(part)); m != nil {
			alert = m[1]
			continue
		}
		found++
		expr := promqlBlock.FindStringSubmatch(part)[1]
		for _, f := range catalog.PromQL(lint.Query{Expr: expr}, recorded) {
			faults = append(faults, alert+": "+f)
		}
		e, err := lint.Parse(expr)
		if err != nil {
			continue // reported
		}
		for _, selector := range lint.Selectors(e) {
			for _, label := range labels[alert] {
				want := fmt.Sprintf("%s=%q", label, strings.ToUpper(label))
				if !slices.ContainsFunc(selector, func(m *matchers.Matcher) bool { return m.String() == want }) {
					faults = append(faults, fmt.Sprintf("%s: %v does not ask for %s", alert, selector, want))
				}
			}
		}
	}
	require.NotZero(t, found)
	for _, name := range metricWord.FindAllString(text, -1) {
		faults = append(faults, catalog.PromQL(lint.Query{Expr: name}, recorded)...)
	}
	for _, m := range flagWord.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(flags, m[1]) {
			faults = append(faults, "neither the shop nor the generator has the flag -"+m[1])
		}
	}
	return faults
}

// flagsOf lists the flags that a Go file defines.
func flagsOf(t *testing.T, file string) (names []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		// fs.StringVar(&v, "name", value, "usage") and fs.Var(v, "name", "usage")
		if method, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasSuffix(method.Sel.Name, "Var") {
			if name, ok := call.Args[1].(*ast.BasicLit); ok {
				text, err := strconv.Unquote(name.Value)
				require.NoError(t, err)
				names = append(names, text)
			}
		}
		return true
	})
	require.Greater(t, len(names), 10, file)
	return names
}

func TestTheRunbooksQueriesMetricsAndFlagsExist(t *testing.T) {
	book, err := os.ReadFile("../../RUNBOOK.md")
	require.NoError(t, err)
	_, catalog := exposed(t)
	_, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	flags := append(flagsOf(t, "../../../examples/shop/config.go"), flagsOf(t, "../../cmd/generate/settings.go")...)
	labels := make(map[string][]string)
	for _, g := range groups(t, asCommitted) {
		for _, r := range g.Rules {
			for _, m := range urlVariable.FindAllStringSubmatch(r.Annotations["dashboard_url"], -1) {
				labels[r.Alert] = append(labels[r.Alert], m[1])
			}
		}
	}
	require.Equal(t, []string{"job", "instance", "runner"}, labels["AfterglowQueueStuck"])
	faults := func(text string) []string { return queryFaults(t, text, labels, catalog, recorded(rulesText), flags) }
	require.Empty(t, faults(string(book)))

	for name, c := range map[string]struct{ old, with, found string }{
		"a metric that nobody exposes": {"`curl http://INSTANCE/metrics | grep afterglow_build_info`", "`grep afterglow_builds`", "afterglow_builds: nothing exposes or records it"},
		"a query of no metric":         {"rate(afterglow_asked_total", "rate(afterglow_wanted_total", "AfterglowCallbackSilent: afterglow_wanted_total: nothing exposes"},
		"a query that does not parse":  {"up{job=\"JOB\"}", "up{job=JOB}", "AfterglowJobAbsent: "},
		"a query of all instances":     {`afterglow_queue_stalled_seconds{job="JOB", instance="INSTANCE", runner="RUNNER"}`, `afterglow_queue_stalled_seconds{job="JOB", runner="RUNNER"}`, `AfterglowQueueStuck: [job="JOB" runner="RUNNER" __name__="afterglow_queue_stalled_seconds"] does not ask for instance="INSTANCE"`},
		"a flag that nobody has":       {"`-overflow drop-oldest`", "`-policy drop-oldest`", "neither the shop nor the generator has the flag -policy"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(book), c.old)
			require.Contains(t, strings.Join(faults(strings.ReplaceAll(string(book), c.old, c.with)), "\n"), c.found)
		})
	}
}
