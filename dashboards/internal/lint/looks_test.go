package lint_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// ask changes the first query of a panel.
func ask(t *testing.T, d object, title, expr string) {
	t.Helper()
	target(panelOf(t, d, title))["expr"] = expr
}

// widthless takes a property away from every column of a table.
func widthless(t *testing.T, d object, title, id string) {
	t.Helper()
	removed := 0
	for _, o := range panelOf(t, d, title)["fieldConfig"].(object)["overrides"].([]any) {
		properties := o.(object)["properties"].([]any)
		kept := slices.DeleteFunc(slices.Clone(properties), func(p any) bool { return p.(object)["id"] == id })
		o.(object)["properties"] = kept
		removed += len(properties) - len(kept)
	}
	require.NotZero(t, removed)
}

func custom(p object) object { return defaults(p)["custom"].(object) }

// What these faults look like in Grafana was seen there: each panel loads, no
// query fails, and what it shows is wrong.
func TestWhatLooksWrongInGrafanaIsFound(t *testing.T) {
	const (
		selector = `{cluster=~"$cluster", namespace=~"$namespace", job="$job", pod=~"$pod", instance=~"$instance", runner=~"$runner"}`
		ofBusy   = "rate(afterglow_worker_busy_seconds_total" + selector + "[$__rate_interval])"
	)
	_, catalog := exposed(t)
	files, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	names, all := recorded(rulesText), boards(t, files)
	for _, c := range []struct {
		fault, board string
		plant        func(t *testing.T, d object)
		found        string
	}{
		{"a state timeline with words, colored by thresholds", "overview", func(t *testing.T, d object) {
			defaults(panelOf(t, d, "Alerts"))["color"] = object{"mode": "thresholds"}
		}, "Alerts: a state timeline colored by thresholds merges its values, and forgets its mappings"},
		{"thresholds on the bars of a state timeline", "runtime", func(t *testing.T, d object) {
			panelOf(t, d, "Workers busy, by instance")["options"].(object)["showValue"] = "auto"
		}, "Workers busy, by instance: a state timeline colored by thresholds writes the thresholds onto its bars"},

		{"a stat whose null is green", "runtime", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Stuck")), "mappings")
		}, "Stuck: no value is green: map null to a color of its own"},
		{"a stat whose null is mapped to green", "runtime", func(t *testing.T, d object) {
			mapping := defaults(panelOf(t, d, "Stuck"))["mappings"].([]any)[0].(object)
			mapping["options"].(object)["result"].(object)["color"] = "green"
		}, "Stuck: no value is green"},
		{"a stat that maps another value than null", "runtime", func(t *testing.T, d object) {
			mapping := defaults(panelOf(t, d, "Stuck"))["mappings"].([]any)[0].(object)
			mapping["options"].(object)["match"] = "empty"
		}, "Stuck: no value is green"},
		{"a table whose cells without a value are green", "overview", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Callbacks")), "mappings")
		}, "Callbacks: no value is green"},

		{"a link with all variables to a dashboard of one callback", "overview", func(t *testing.T, d object) {
			require.Equal(t, "Callback", d["links"].([]any)[0].(object)["title"])
			d["links"].([]any)[0].(object)["includeVars"] = true
		}, "a link passes callback to afterglow-callback, which has no All for it"},
		{"a link that names such a variable", "overview", func(t *testing.T, d object) {
			d["links"].([]any)[0].(object)["url"] = "/d/afterglow-callback?${callback:queryparam}"
		}, "a link passes callback to afterglow-callback, which has no All for it"},
		{"a link that passes a variable which its target lacks", "overview", func(t *testing.T, d object) {
			defaults(panelOf(t, d, "Success"))["links"].([]any)[0].(object)["url"] = "/d/afterglow-slo?${instance:queryparam}"
		}, "a link passes instance to afterglow-slo, which has no such variable"},
		{"a link that gives a value to a variable which its target lacks", "overview", func(t *testing.T, d object) {
			defaults(panelOf(t, d, "Success"))["links"].([]any)[0].(object)["url"] = "/d/afterglow-slo?var-callback=a"
		}, "a link passes callback to afterglow-slo, which has no such variable"},

		{"a share of the workers of all instances", "overview", func(t *testing.T, d object) {
			ask(t, d, "Workers busy, now", "sum("+ofBusy+") / sum(afterglow_workers"+selector+")")
		}, "Workers busy, now: sum of instances hides the one that is full"},
		{"the same by runner", "overview", func(t *testing.T, d object) {
			ask(t, d, "Workers busy", "sum by (runner) ("+ofBusy+") / sum by (runner) (afterglow_workers"+selector+")")
		}, "Workers busy: sum of instances hides the one that is full"},
		{"a mean of instances", "overview", func(t *testing.T, d object) {
			ask(t, d, "Queue filled", "avg(afterglow_queue_depth"+selector+" / afterglow_queue_capacity"+selector+")")
		}, "Queue filled: avg of instances hides the one that is full"},
		{"a sum beside the sum of its limits", "overview", func(t *testing.T, d object) {
			targets := panelOf(t, d, "Queue depth")["targets"].([]any)
			targets[2].(object)["expr"] = "sum(afterglow_queue_capacity" + selector + ")"
		}, "Queue depth: the sum of instances beside the sum of their limits hides the one that is full"},

		{"one color for all that labels name", "overview", func(t *testing.T, d object) {
			defaults(panelOf(t, d, "Run time p99, by callback"))["color"].(object)["mode"] = "palette-classic-by-name"
		}, "Run time p99, by callback: series that are named by a label all have one color by name"},

		{"a log panel whose lines are messages", "callback", func(t *testing.T, d object) {
			expr, _, cut := strings.Cut(target(panelOf(t, d, "Its failures' logs"))["expr"].(string), " | line_format")
			require.True(t, cut)
			ask(t, d, "Its failures' logs", expr)
		}, "Its failures' logs: a log panel without line_format"},

		{"an annotation that lasts, and is on", "callback", func(_ *testing.T, d object) {
			a := d["annotations"].(object)["list"].([]any)[2].(object)
			a["enable"], a["expr"] = true, `ALERTS{job=~"$job|"}`
			a["target"].(object)["expr"] = a["expr"]
		}, "annotation Alerts: tints every panel"},
		{"an annotation that lasts, with an exception", "callback", func(_ *testing.T, d object) {
			a := d["annotations"].(object)["list"].([]any)[2].(object)
			a["enable"], a["expr"] = true, `ALERTS{job=~"$job|"} unless ALERTS{severity="none", job=~"$job|"}`
			a["target"].(object)["expr"] = a["expr"]
		}, "annotation Alerts: tints every panel"},

		{"a state timeline without a row while all is well", "overview", func(t *testing.T, d object) {
			expr, _, cut := strings.Cut(target(panelOf(t, d, "Alerts"))["expr"].(string), " or on () ")
			require.True(t, cut)
			ask(t, d, "Alerts", expr)
		}, "Alerts: is empty when all is well: a state timeline says then that data has no time"},
		{"a state timeline of labels that may not be there", "callback", func(t *testing.T, d object) {
			expr, _, cut := strings.Cut(target(panelOf(t, d, "When it failed"))["expr"].(string), " or on () ")
			require.True(t, cut)
			ask(t, d, "When it failed", expr)
		}, "When it failed: is empty when all is well"},
		{"lines that are left out while all is well", "overview", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Callbacks that fail most")), "noValue")
		}, "Callbacks that fail most: is empty when all is well, and does not say so"},
		{"a table of alerts", "overview", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Firing now")), "noValue")
		}, "Firing now: is empty when all is well, and does not say so"},
		{"logs of failures", "callback", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Its failures' logs")), "noValue")
		}, "Its failures' logs: is empty when all is well, and does not say so"},
		{"traces of failures", "callback", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Its failed traces")), "noValue")
		}, "Its failed traces: is empty when all is well, and does not say so"},

		{"columns without a width", "callback", func(t *testing.T, d object) {
			widthless(t, d, "Its failed traces", "custom.width")
		}, "Its failed traces: columns are cut: no width for [Trace ID Start time Duration]"},
		{"a column that says the same in each row", "callback", func(t *testing.T, d object) {
			widthless(t, d, "Its failed traces", "custom.hidden")
		}, "Its failed traces: columns are cut: no width for [Trace ID Trace name]"},
		{"columns wider than their table", "overview", func(t *testing.T, d object) {
			panelOf(t, d, "Firing now")["gridPos"].(object)["w"] = 10.
		}, "Firing now: columns are cut: they take 634 pixels of 460"},
		{"a row for each query", "overview", func(t *testing.T, d object) {
			ask(t, d, "Callbacks", "sum by (callback) (afterglow_callbacks_stuck"+selector+")")
		}, "Callbacks: a row is of [callback cluster in_cluster in_namespace namespace runner], and a query has [callback]"},
		{"a table of all times", "overview", func(t *testing.T, d object) {
			target(panelOf(t, d, "Callbacks"))["instant"] = false
		}, "Callbacks: a table wants one value a row"},

		{"a heatmap under exemplars", "callback", func(t *testing.T, d object) {
			target(panelOf(t, d, "Run time, all of them"))["exemplar"] = true
		}, "Run time, all of them: exemplars cover a heatmap"},
		{"instances of two clusters added up", "runtime", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Oldest waiting"), "by (cluster, namespace, pod, instance", "by (namespace, pod, instance")
		}, "Oldest waiting: max by instance, and not cluster"},
		{"instances of two namespaces taken for one", "overview", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Queue depth"), "on (cluster, namespace, pod, instance", "on (cluster, pod, instance")
		}, "Queue depth: on instance, and not namespace"},
		{"an axis that reaches to 100 at 0", "overview", func(t *testing.T, d object) {
			delete(custom(panelOf(t, d, "Retries")), "axisSoftMax")
		}, "Retries: has no axisSoftMax"},
		{"bars that nobody can count", "runtime", func(t *testing.T, d object) {
			defaults(panelOf(t, d, "Lost at shutdown"))["unit"] = "ops"
		}, "Lost at shutdown: bars of a rate"},
		{"bars of a rate, whatever the unit says", "runtime", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Lost at shutdown"), "increase(", "rate(")
		}, "Lost at shutdown: bars of a rate"},
		{"bars that overlap", "runtime", func(t *testing.T, d object) {
			delete(panelOf(t, d, "Lost at shutdown"), "interval")
		}, "Lost at shutdown: bars that overlap count things twice"},
		{"a loss that is a spike of a line", "runtime", func(t *testing.T, d object) {
			custom(panelOf(t, d, "Lost at shutdown"))["drawStyle"] = "line"
		}, "Lost at shutdown: a line of what happens once in a deploy"},
		{"a drain that is a dot", "runtime", func(t *testing.T, d object) {
			custom(panelOf(t, d, "Last drain"))["showPoints"] = "auto"
		}, "Last drain: a value that is there for some scrapes only"},

		{"numbers on bars, whatever their colors", "runtime", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, "Scrapes")), "mappings")
		}, "Scrapes: a state timeline writes numbers onto its bars"},
		{"rates on bars, which no word fits", "callback", func(t *testing.T, d object) {
			panelOf(t, d, "When it failed")["options"].(object)["showValue"] = "auto"
		}, "When it failed: a state timeline writes numbers onto its bars"},

		{"more alerts than there is room for", "overview", func(t *testing.T, d object) {
			panelOf(t, d, "Alerts")["gridPos"].(object)["h"] = 5
		}, "rows, and has room for the names of "},
		{"as many rows as there are instances", "runtime", func(t *testing.T, d object) {
			ask(t, d, "Scrapes", `up{cluster=~"$cluster", namespace=~"$namespace", job="$job", pod=~"$pod", instance=~"$instance"}`)
		}, "Scrapes: may have any number of rows"},
		{"two panels of one name", "overview", func(t *testing.T, d object) {
			panelOf(t, d, "Workers")["title"] = "Workers busy"
		}, "two panels are called Workers busy"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			var d object
			require.NoError(t, json.Unmarshal(files["grafana/"+c.board+".json"], &d))
			c.plant(t, d)
			text, err := json.Marshal(d)
			require.NoError(t, err)
			require.Contains(t, strings.Join(catalog.Dashboard(text, names, all), "\n"), c.found)
		})
	}
}

// A link with viewPanel must lead to its panel after others have come.
func TestThePanelsIDsAreThoseOfTheirTitles(t *testing.T) {
	files, _ := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	checked := 0
	for name, text := range files {
		var d struct {
			Panels []struct {
				ID          uint32
				Type, Title string
			}
		}
		if json.Unmarshal(text, &d) != nil {
			continue // the provisioning file
		}
		for _, p := range d.Panels {
			if p.Type != "row" {
				require.Equal(t, query.PanelID(p.Title), p.ID, "%s: %s", name, p.Title)
				checked++
			}
		}
	}
	require.Greater(t, checked, 80)
}
