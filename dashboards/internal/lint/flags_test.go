package lint_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/lint"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// everyQuery visits each PromQL of each dashboard.
func everyQuery(t *testing.T, o query.Options, visit func(t *testing.T, expr string)) {
	t.Helper()
	files, _ := generated(t, o, grafana.DefaultOptions())
	visited := 0
	for name, text := range files {
		for _, expr := range queries(t, text) {
			t.Run(name, func(t *testing.T) { visit(t, expr) })
			visited++
		}
	}
	require.Greater(t, visited, 100)
}

func TestTheMatcherIsInEverySelectorOfEveryQuery(t *testing.T) {
	o := query.DefaultOptions()
	o.Matcher = `cluster="eu",env!~"test.*"`
	everyQuery(t, o, func(t *testing.T, expr string) {
		e, err := lint.Parse(expr)
		require.NoError(t, err)
		for _, matchers := range lint.Selectors(e) {
			var found []string
			for _, m := range matchers {
				if m.Name != model.MetricNameLabel {
					found = append(found, m.String())
				}
			}
			require.Contains(t, found, `cluster="eu"`, expr)
			require.Contains(t, found, `env!~"test.*"`, expr)
		}
	})
}

func TestTheMetricPrefixIsInEveryQuery(t *testing.T) {
	o := query.DefaultOptions()
	o.MetricPrefix = "shop_jobs"
	renamed := 0
	everyQuery(t, o, func(t *testing.T, expr string) {
		require.NotContains(t, expr, "afterglow_")
		if strings.Contains(expr, "shop_jobs_") {
			renamed++
		}
	})
	require.Greater(t, renamed, 80)
}

func TestTheObjectivesAreInQueriesThresholdsAndTexts(t *testing.T) {
	o := query.DefaultOptions()
	o.SLO, o.LatencySLO = 0.95, 0.96
	files, _ := generated(t, o, grafana.DefaultOptions())
	slo := string(files["grafana/slo.json"])
	require.Contains(t, slo, `/ 0.05"`)
	require.Contains(t, slo, `/ 0.04"`)
	require.Contains(t, slo, "95 % in 30 days")
	require.Contains(t, slo, "96 % in 30 days")
	for name, text := range files {
		require.NotContains(t, string(text), "0.001", name)
		require.NotContains(t, string(text), "99.9 %", name)
	}
	require.Contains(t, string(files["grafana/overview.json"]), `"value": 0.95,`, "the success turns green at the objective")
}

func TestTheDataSourceIsWhatTheDashboardsStartWith(t *testing.T) {
	o := grafana.DefaultOptions()
	o.Datasource, o.Folder = "thanos", "Shop / Background"
	files, _ := generated(t, query.DefaultOptions(), o)
	for name, text := range files {
		if !strings.HasSuffix(name, ".json") {
			require.Contains(t, string(text), "folder: Shop / Background\n")
			continue
		}
		var d dashboard.Dashboard
		require.NoError(t, json.Unmarshal(text, &d))
		require.Equal(t, "datasource", d.Templating.List[0].Name, "the others depend on it")
		require.Equal(t, "thanos", *d.Templating.List[0].Current.Value.String)
	}
}
