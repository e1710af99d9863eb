package lint_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

type object = map[string]any

// panelOf finds a panel by its title.
func panelOf(t *testing.T, d object, title string) object {
	t.Helper()
	for _, p := range d["panels"].([]any) {
		if p := p.(object); p["title"] == title {
			return p
		}
	}
	t.Fatalf("no panel %q", title)
	return nil
}

func defaults(p object) object { return p["fieldConfig"].(object)["defaults"].(object) }

// fix gives a series another color.
func fix(p object, series int, color string) {
	override := p["fieldConfig"].(object)["overrides"].([]any)[series].(object)
	override["properties"].([]any)[0].(object)["value"].(object)["fixedColor"] = color
}

func target(p object) object { return p["targets"].([]any)[0].(object) }

// replace changes the first query of a panel.
func replace(t *testing.T, p object, old, with string) {
	t.Helper()
	expr := target(p)["expr"].(string)
	require.Contains(t, expr, old)
	target(p)["expr"] = strings.ReplaceAll(expr, old, with)
}

func TestPlantedFaultsAreFound(t *testing.T) {
	_, catalog := exposed(t)
	files, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	names, all := recorded(rulesText), boards(t, files)
	const outcomes, depth, stat = "Outcomes", "Queue depth", "Workers busy, now"
	for _, c := range []struct {
		fault string
		plant func(t *testing.T, d object)
		found string
	}{
		{"a metric that nothing exposes", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, outcomes), "afterglow_callbacks_total", "afterglow_callback_total")
		}, "afterglow_callback_total: nothing exposes or records it"},
		{"a bucket of what is no histogram", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, depth), "afterglow_queue_depth", "afterglow_queue_depth_bucket")
		}, "nothing exposes or records it"},
		{"a recorded series that no rule records", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Error budget burn rate, 1 h"), "ratio_rate1h", "ratio_rate2h")
		}, "ratio_rate2h: nothing exposes or records it"},
		{"a gauge under rate()", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, outcomes), "afterglow_callbacks_total", "afterglow_queue_depth")
		}, "rate of afterglow_queue_depth, which is not a counter"},
		{"a counter under predict_linear()", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Queue depth in 15 minutes"), "afterglow_queue_depth", "afterglow_asked_total")
		}, "predict_linear of afterglow_asked_total, which is a counter"},
		{"a rate over a fixed window", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, outcomes), "$__rate_interval", "5m")
		}, "not over $__rate_interval"},
		{"a quantile without le", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Queue wait"), "sum by (le) ", "sum")
		}, "has lost le"},
		{"a quantile of a histogram's sum", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Queue wait"), "_bucket", "_sum")
		}, "not a histogram's buckets"},
		{"a bound as Prometheus 2 writes it", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, "Queue wait"), `job="$job"`, `job="$job", le="1"`)
		}, "finds nothing in Prometheus 3"},
		{"PromQL that does not parse", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, outcomes), "sum by", "sum of")
		}, "parse error"},
		{"a query that shows other jobs", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, outcomes), `job="$job", `, "")
		}, "does not ask for the job"},
		{"one legend for several series", func(t *testing.T, d object) {
			target(panelOf(t, d, outcomes))["legendFormat"] = "callbacks"
		}, "several series and one legend"},
		{"a legend of a label that was summed away", func(t *testing.T, d object) {
			target(panelOf(t, d, outcomes))["legendFormat"] = "{{callback}}"
		}, "no label callback"},
		{"no legend", func(t *testing.T, d object) {
			delete(target(panelOf(t, d, outcomes)), "legendFormat")
		}, "has no legend"},
		{"a stat of several series", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, stat), "max(", "max by (runner) (")
		}, "a stat of several series"},
		{"a stat that shows old values", func(t *testing.T, d object) {
			target(panelOf(t, d, stat))["instant"] = false
		}, "a stat of a range"},
		{"no unit", func(t *testing.T, d object) {
			delete(defaults(panelOf(t, d, depth)), "unit")
		}, "no unit"},
		{"a unit that Grafana does not know", func(t *testing.T, d object) {
			defaults(panelOf(t, d, depth))["unit"] = "seconds"
		}, `"seconds", which Grafana 10.4 does not know`},
		{"no description", func(t *testing.T, d object) {
			delete(panelOf(t, d, depth), "description")
		}, "no description"},
		{"no title", func(t *testing.T, d object) {
			panelOf(t, d, depth)["title"] = ""
		}, "no title"},
		{"overlapping panels", func(t *testing.T, d object) {
			at := panelOf(t, d, depth)["gridPos"].(object)
			at["w"] = at["w"].(float64) + 1
		}, "overlaps Queue depth"},
		{"a panel beyond the grid", func(t *testing.T, d object) {
			panelOf(t, d, depth)["gridPos"].(object)["x"] = 20
		}, "not within the grid"},
		{"two panels of one id", func(t *testing.T, d object) {
			panelOf(t, d, depth)["id"] = panelOf(t, d, outcomes)["id"]
		}, "is also that of"},
		{"a variable that nothing uses", func(t *testing.T, d object) {
			list := d["templating"].(object)
			list["list"] = append(list["list"].([]any), object{
				"type": "datasource", "name": "profiles", "query": "prometheus", "skipUrlSync": false,
			})
		}, "variable profiles is not used"},
		{"a variable that is not defined", func(t *testing.T, d object) {
			replace(t, panelOf(t, d, outcomes), "$callback", "$name")
		}, "variable name is used and not defined"},
		{"a data source that is fixed", func(t *testing.T, d object) {
			panelOf(t, d, depth)["datasource"].(object)["uid"] = "P1809F7CD0C75ACF3"
		}, "its data source is no variable"},
		{"an unknown transformation", func(t *testing.T, d object) {
			panelOf(t, d, depth)["transformations"] = []any{object{"id": "sortByMagic", "options": object{}}}
		}, `"sortByMagic", which Grafana 10.4 does not know`},
		{"a draw style that there is not", func(t *testing.T, d object) {
			defaults(panelOf(t, d, depth))["custom"].(object)["drawStyle"] = "lines"
		}, `"lines", which Grafana 10.4 does not know`},
		{"a color that there is not", func(t *testing.T, d object) {
			defaults(panelOf(t, d, depth))["thresholds"].(object)["steps"].([]any)[0].(object)["color"] = "grene"
		}, `"grene", which Grafana 10.4 does not know`},
		{"two series of one color", func(t *testing.T, d object) {
			fix(panelOf(t, d, depth), 0, "red")
		}, "Queue depth: its capacity is red, and so is fullest instance"},
		{"a series of the color of a threshold", func(t *testing.T, d object) {
			fix(panelOf(t, d, "Queue wait"), 2, "red")
		}, "Queue wait: p99 is red, and so is a threshold"},
		{"a kind of panel that there is not", func(t *testing.T, d object) {
			panelOf(t, d, depth)["type"] = "graphs"
		}, `"graphs", which Grafana 10.4 does not know`},
		{"a field that the SDK does not know", func(t *testing.T, d object) {
			panelOf(t, d, depth)["heigth"] = 3
		}, "not as the SDK knows dashboards"},
		{"an option of the wrong type", func(t *testing.T, d object) {
			panelOf(t, d, depth)["options"].(object)["legend"].(object)["showLegend"] = "yes"
		}, "not as the SDK knows dashboards"},
		{"an annotation that only new versions see", func(t *testing.T, d object) {
			delete(d["annotations"].(object)["list"].([]any)[0].(object), "expr")
		}, "expr and target.expr differ"},
		{"a link to a dashboard that there is not", func(t *testing.T, d object) {
			d["links"].([]any)[0].(object)["url"] = "/d/afterglow-callbacks"
		}, "a link leads to dashboard afterglow-callbacks"},
		{"a link that Explore cannot read", func(t *testing.T, d object) {
			for _, l := range defaults(panelOf(t, d, "Callbacks that fail most"))["links"].([]any) {
				l.(object)["url"] = strings.Replace(l.(object)["url"].(string), "%7B%22a%22", "%22a%22", 1)
			}
		}, "Explore cannot read the link"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			var d object
			require.NoError(t, json.Unmarshal(files["grafana/overview.json"], &d))
			c.plant(t, d)
			text, err := json.Marshal(d)
			require.NoError(t, err)
			require.Contains(t, strings.Join(catalog.Dashboard(text, names, all), "\n"), c.found)
		})
	}
}
