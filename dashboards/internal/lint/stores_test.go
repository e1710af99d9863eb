package lint_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// kinds are the data sources of what keeps traces and logs.
var kinds = map[string]string{
	grafana.Jaeger: "jaeger", grafana.Tempo: "tempo",
	grafana.Loki: "loki", grafana.VictoriaLogs: "victoriametrics-logs-datasource",
}

// stored are the options of each combination.
func stored() (all []grafana.Options) {
	for _, traces := range []string{grafana.Jaeger, grafana.Tempo, grafana.None} {
		for _, logs := range []string{grafana.Loki, grafana.VictoriaLogs, grafana.None} {
			o := grafana.DefaultOptions()
			o.Traces, o.Logs = traces, logs
			all = append(all, o)
		}
	}
	return all
}

func eachStored(t *testing.T, test func(t *testing.T, o grafana.Options)) {
	t.Helper()
	for _, o := range stored() {
		t.Run(o.Traces+" and "+o.Logs, func(t *testing.T) { test(t, o) })
	}
}

func TestTheDashboardsHaveNoFaultsWhateverKeepsTracesAndLogs(t *testing.T) {
	_, catalog := exposed(t)
	eachStored(t, func(t *testing.T, o grafana.Options) {
		files, rulesText := generated(t, query.DefaultOptions(), o)
		series, all := recorded(rulesText), boards(t, files)
		for name, text := range files {
			if strings.HasSuffix(name, ".json") {
				require.Empty(t, catalog.Dashboard(text, series, all), name)
			}
		}
	})
}

func TestNoDashboardNamesADataSourceThatIsLeftOut(t *testing.T) {
	eachStored(t, func(t *testing.T, o grafana.Options) {
		files, _ := generated(t, query.DefaultOptions(), o)
		for name, text := range files {
			if !strings.HasSuffix(name, ".json") {
				continue
			}
			for store, kind := range kinds {
				named := strings.Contains(string(text), `"`+kind+`"`)
				has := name != "grafana/slo.json" // which asks Prometheus only
				require.Equal(t, has && (store == o.Traces || store == o.Logs), named, "%s: %s", name, kind)
			}
			require.Equal(t, name != "grafana/slo.json" && o.Traces != grafana.None, strings.Contains(string(text), "${tracing}"), name)
			require.Equal(t, name != "grafana/slo.json" && o.Logs != grafana.None, strings.Contains(string(text), "${logs}"), name)
		}
	})
}

// So what the tests show of the queries holds for each combination.
func TestPrometheusIsAskedTheSameWhateverKeepsTracesAndLogs(t *testing.T) {
	all := func(o grafana.Options) (found []string) {
		files, _ := generated(t, query.DefaultOptions(), o)
		for _, text := range files {
			found = append(found, queries(t, text)...)
		}
		slices.Sort(found)
		return found
	}
	want := all(grafana.DefaultOptions())
	require.Greater(t, len(want), 100)
	for _, o := range stored() {
		require.Equal(t, want, all(o), "%s and %s", o.Traces, o.Logs)
	}
}

var viewPanel = regexp.MustCompile(`/d/([\w-]+)\?.*viewPanel=(\d+)`)

func TestEachAlertLeadsToAPanelThatIsThereWhateverKeepsTracesAndLogs(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	eachStored(t, func(t *testing.T, o grafana.Options) {
		files, _ := generated(t, query.DefaultOptions(), o)
		r := rules.DefaultOptions()
		r.Dashboards = o
		groups, err := rules.Alerts(q, r)
		require.NoError(t, err)
		followed := 0
		for _, g := range groups {
			for _, rule := range g.Rules {
				m := viewPanel.FindStringSubmatch(rule.Annotations["dashboard_url"])
				if m == nil {
					continue
				}
				followed++
				var d struct {
					Panels []struct {
						ID    int
						Title string
					}
				}
				require.NoError(t, json.Unmarshal(files["grafana/"+strings.TrimPrefix(m[1], "afterglow-")+".json"], &d))
				i := slices.IndexFunc(d.Panels, func(p struct {
					ID    int
					Title string
				}) bool {
					return fmt.Sprint(p.ID) == m[2]
				})
				require.GreaterOrEqual(t, i, 0, "%s: no panel %s", rule.Alert, m[2])
				require.Contains(t, rule.Annotations["description"], "Panel: "+d.Panels[i].Title+".")
			}
		}
		require.Greater(t, followed, 20)
	})
}

func TestTheLogSelectorIsInEachQueryAndLinkOfLogs(t *testing.T) {
	for logs, selector := range map[string]string{
		grafana.Loki:         `{app="$job",namespace=~"$namespace",pod=~"$pod"}`,
		grafana.VictoriaLogs: `{app="$job"} kubernetes.namespace:~"$namespace"`,
	} {
		o := grafana.DefaultOptions()
		o.Logs, o.LogSelector = logs, selector
		files, _ := generated(t, query.DefaultOptions(), o)
		quoted, err := json.Marshal(selector)
		require.NoError(t, err)
		inJSON := strings.TrimSuffix(strings.TrimPrefix(string(quoted), `"`), `"`)
		for name, text := range files {
			require.NotContains(t, string(text), "service_name", name)
			require.NotContains(t, string(text), `"service.name\"`, name)
		}
		require.Contains(t, string(files["grafana/callback.json"]), `"expr": "`+inJSON+" ")
		require.Contains(t, string(files["grafana/callback.json"]), `panes=%7B%22a%22%3A%7B%22datasource%22%3A%22${logs}%22%2C%22queries%22%3A%5B%7B%22datasource%22%3A%7B%22uid%22%3A%22${logs}%22%7D%2C%22expr%22%3A%22%7Bapp%3D%5C%22${job}`)
		require.Contains(t, string(files["grafana/callback.json"]), `${namespace:pipe}%5C%22`, "Grafana fills links in, and knows no regular expressions there")
	}
}

// LogsQL binds filters that follow one another tighter than or.
func TestAnOrOfTheLogSelectorIsInParenthesesInEachQueryAndLink(t *testing.T) {
	for selector, want := range map[string]string{
		`{app="$job"} or app:="$job"`:       `({app="$job"} or app:="$job")`,
		`app:="$job" OR service:='$job'`:    `(app:="$job" OR service:='$job')`,
		`{app="$job"} kind:="this or that"`: `{app="$job"} kind:="this or that"`,
		"{app=\"$job\"} kind:~`a or \"b`":   "{app=\"$job\"} kind:~`a or \"b`",
		`{app="$job"} vendor:=order`:        `{app="$job"} vendor:=order`,
	} {
		o := grafana.DefaultOptions()
		o.Logs, o.LogSelector = grafana.VictoriaLogs, selector
		files, _ := generated(t, query.DefaultOptions(), o)
		board := string(files["grafana/callback.json"])
		quoted, err := json.Marshal(want)
		require.NoError(t, err)
		inJSON := strings.TrimSuffix(strings.TrimPrefix(string(quoted), `"`), `"`)
		require.Contains(t, board, `"expr": "`+inJSON+` _msg:~`, selector)
		inParentheses := strings.HasPrefix(want, "(")
		require.Equal(t, inParentheses, strings.Contains(board, `%22expr%22%3A%22%28`), "the link: %s", selector)
	}
}

func TestStoresThatCannotBeAskedAreRefused(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	for says, change := range map[string]func(*grafana.Options){
		`traces "zipkin": use jaeger, tempo or none`:     func(o *grafana.Options) { o.Traces = "zipkin" },
		`logs "elastic": use loki, victorialogs or none`: func(o *grafana.Options) { o.Logs = "elastic" },
		"write a stream selector of Loki":                func(o *grafana.Options) { o.LogSelector = `app="$job"` },
		"write a filter of LogsQL without pipes":         func(o *grafana.Options) { o.Logs, o.LogSelector = grafana.VictoriaLogs, `{app="$job"} | limit 1` },
		"there are no logs to select from":               func(o *grafana.Options) { o.Logs, o.LogSelector = grafana.None, `{app="$job"}` },
	} {
		o := grafana.DefaultOptions()
		change(&o)
		_, err := grafana.Files(q, o)
		require.ErrorContains(t, err, says)
	}
}

// fill puts another query into a panel, as it is in JSON.
func fill(p object, query string) {
	var q object
	if err := json.Unmarshal([]byte(query), &q); err != nil {
		panic(err)
	}
	q["refId"], q["datasource"] = "A", p["datasource"]
	p["targets"] = []any{q}
}

func TestAQueryInTheSyntaxOfAnotherStoreIsFound(t *testing.T) {
	_, catalog := exposed(t)
	const failed, logs = "Its failed traces", "Its failures' logs"
	for _, c := range []struct {
		fault        string
		traces, logs string
		plant        func(d object)
		found        string
	}{
		{"TraceQL for Jaeger", grafana.Jaeger, grafana.Loki, func(d object) {
			fill(panelOf(t, d, failed), `{"queryType": "traceql", "query": "{ status = error }"}`)
		}, "Its failed traces: a query that jaeger does not know"},
		{"a search of Jaeger for Tempo", grafana.Tempo, grafana.Loki, func(d object) {
			fill(panelOf(t, d, failed), `{"queryType": "search", "serviceName": "${job}", "filters": []}`)
		}, "Its failed traces: a query that tempo does not know"},
		{"LogQL for VictoriaLogs", grafana.Jaeger, grafana.VictoriaLogs, func(d object) {
			fill(panelOf(t, d, logs), `{"queryType": "range", "expr": "{service_name=\"x\"} |~ \"failed\" | line_format \"x\" "}`)
		}, "Its failures' logs: a query that victoriametrics-logs-datasource does not know"},
		{"LogsQL for Loki", grafana.Jaeger, grafana.Loki, func(d object) {
			fill(panelOf(t, d, logs), `{"queryType": "range", "expr": "{a=\"x\"} _msg:~\"failed\" | line_format"}`)
		}, "Its failures' logs: a query that loki does not know"},
		{"a message that says nothing", grafana.Jaeger, grafana.VictoriaLogs, func(d object) {
			fill(panelOf(t, d, logs), `{"queryType": "instant", "expr": "{a=\"x\"} _msg:~\"failed\""}`)
		}, "Its failures' logs: a log panel that formats no _msg"},
		{"a data source of another kind than its variable", grafana.Tempo, grafana.Loki, func(d object) {
			panelOf(t, d, failed)["datasource"].(object)["type"] = "jaeger"
		}, "data source ${tracing} is of the kind jaeger"},
		{"a panel of a data source that is left out", grafana.None, grafana.Loki, func(d object) {
			panelOf(t, d, logs)["datasource"] = object{"type": "tempo", "uid": "${tracing}"}
		}, "variable tracing is used and not defined"},
		{"a column of spans that is cut", grafana.Tempo, grafana.Loki, func(d object) {
			widthless(t, d, failed, "custom.hidden")
		}, "Its failed traces: columns are cut: no width for [Trace Service Trace Name Span ID Name]"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			o := grafana.DefaultOptions()
			o.Traces, o.Logs = c.traces, c.logs
			files, rulesText := generated(t, query.DefaultOptions(), o)
			var d object
			require.NoError(t, json.Unmarshal(files["grafana/callback.json"], &d))
			c.plant(d)
			text, err := json.Marshal(d)
			require.NoError(t, err)
			require.Contains(t, strings.Join(catalog.Dashboard(text, recorded(rulesText), boards(t, files)), "\n"), c.found)
		})
	}
}

func TestALinkThatAsksInTheSyntaxOfAnotherStoreIsFound(t *testing.T) {
	_, catalog := exposed(t)
	files, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	o := grafana.DefaultOptions()
	o.Traces, o.Logs = grafana.Tempo, grafana.VictoriaLogs
	others, _ := generated(t, query.DefaultOptions(), o)
	link := regexp.MustCompile(`/explore\?[^"]*`)
	theirs := link.FindAllString(string(others["grafana/callback.json"]), 2)
	require.Len(t, theirs, 2, "one to traces, one to logs")
	for i, source := range []string{`${tracing} ("jaeger")`, `${logs} ("loki")`} {
		first := link.FindAllString(string(files["grafana/callback.json"]), 2)[i]
		text := strings.Replace(string(files["grafana/callback.json"]), first, theirs[i], 1)
		require.Contains(t, strings.Join(catalog.Dashboard([]byte(text), recorded(rulesText), boards(t, files)), "\n"),
			"a link asks "+source+" what it does not know")
	}
}

func TestALegendThatTwoPlacesShareIsFound(t *testing.T) {
	_, catalog := exposed(t)
	files, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	for _, c := range []struct{ board, title, legend, found string }{
		{"runtime", "Goroutines", "{{instance}} {{pod}} {{namespace}}", "differ in cluster"},
		{"runtime", "Goroutines", "{{instance}} {{cluster}} {{namespace}}", "differ in pod"},
		{"runtime", "Scrapes", "{{instance}} {{pod}} {{cluster}}", "differ in namespace"},
		{"overview", "Error budget burn rate, 1 h", "{{runner}} {{namespace}}", "differ in cluster"},
		{"durable", "Due, by queue", "{{runner}} {{queue}} {{cluster}}", "differ in namespace"},
	} {
		var d object
		require.NoError(t, json.Unmarshal(files["grafana/"+c.board+".json"], &d))
		target(panelOf(t, d, c.title))["legendFormat"] = c.legend
		text, err := json.Marshal(d)
		require.NoError(t, err)
		require.Contains(t, strings.Join(catalog.Dashboard(text, recorded(rulesText), boards(t, files)), "\n"), c.title+": has the legend", c.legend)
		require.Contains(t, strings.Join(catalog.Dashboard(text, recorded(rulesText), boards(t, files)), "\n"), c.found, c.legend)
	}
}
