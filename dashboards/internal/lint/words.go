package lint

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

type matcher = labels.Matcher

// allowed are the words that Grafana 10.4 knows, by the end of their path.
// The SDK takes any word. A panel with a wrong one may stay empty.
var allowed = map[string][]string{
	"panels.[].type": {"row", "stat", "timeseries", "heatmap", "state-timeline", "logs", "table"},

	"transformations.[].id": {
		"calculateField", "concatenate", "configFromData", "convertFieldType", "extractFields", "filterByRefId",
		"filterByValue", "filterFieldsByName", "groupBy", "joinByField", "joinByLabels", "labelsToFields", "limit",
		"merge", "organize", "partitionByValues", "prepareTimeSeries", "reduce", "renameByRegex", "rowsToFields",
		"seriesToRows", "sortBy", "timeSeriesTable",
	},

	"defaults.unit":        {"s", "percentunit", "short", "ops", "bytes", "none", "suffix:x"},
	"options.match":        {"null", "nan", "null+nan"},
	"yAxis.unit":           {"s"},
	"cellValues.unit":      {"ops"},
	"color.mode":           {"thresholds", "palette-classic-by-name", "palette-classic", "fixed", "scheme"},
	"color.scale":          {"exponential", "linear"},
	"color.scheme":         {"Oranges", "Blues", "Purples"},
	"thresholds.mode":      {"absolute", "percentage"},
	"thresholdsStyle.mode": {"off", "line", "dashed", "area", "line+area", "dashed+area"},
	"stacking.mode":        {"none", "normal", "percent"},
	"custom.drawStyle":     {"line", "bars", "points"},
	"custom.gradientMode":  {"none", "opacity", "hue", "scheme"},
	"lineInterpolation":    {"linear", "smooth", "stepBefore", "stepAfter"},
	"custom.showPoints":    {"auto", "never", "always"},
	"legend.displayMode":   {"list", "table", "hidden"},
	"legend.placement":     {"bottom", "right"},
	"tooltip.mode":         {"single", "multi", "none"},
	"tooltip.sort":         {"asc", "desc", "none"},
	"options.colorMode":    {"value", "background", "background_solid", "none"},
	"options.graphMode":    {"none", "line", "area"},
	"options.justifyMode":  {"auto", "center"},
	"options.textMode":     {"auto", "value", "value_and_name", "name", "none"},
	"options.orientation":  {"auto", "horizontal", "vertical"},
	"options.showValue":    {"auto", "never", "always"},
	"options.sortOrder":    {"Ascending", "Descending"},
	"dedupStrategy":        {"none", "exact", "numbers", "signature"},
	"calcs.[]":             {"lastNotNull", "last", "mean", "max", "min", "sum"},
	"matcher.id":           {"byName", "byRegexp", "byFrameRefID", "byType"},
	"mappings.[].type":     {"value", "range", "regex", "special"},
	"properties.[].id": {
		"color", "unit", "decimals", "thresholds", "mappings", "links", "custom.lineStyle", "custom.fillOpacity", "custom.lineWidth",
		"custom.stacking", "custom.axisPlacement", "custom.width", "custom.hidden", "custom.cellOptions",
	},
	"value.type":        {"color-background", "color-text", "auto"},
	"targets.[].format": {"time_series", "table", "heatmap"},
	"queryType":         {"search", "range", "instant", "traceql"},
	"tableType":         {"traces", "spans"},
	"destinationType":   {"number", "time"},
	"datasource.type":   {"prometheus", "loki", "jaeger", "tempo", "victoriametrics-logs-datasource"},
	"list.[].type":      {"query", "datasource", "custom"},
	"steps.[].color":    colors,
	"value.fixedColor":  colors,
	"color.fixedColor":  colors,
	"result.color":      colors,
	"1.color":           colors,
	"0.color":           colors,
}

// colors are names, which follow the theme of Grafana.
var colors = []string{
	"green", "yellow", "orange", "red", "blue", "purple", "text", "transparent",
	"#6e6e6e", // of no value: no name is a gray that white words can be read on
	"dark-red", "dark-purple", "light-purple", "light-blue",
}

// words checks the words of a dashboard that come from a list.
func words(raw any, report reporter) {
	each(raw, nil, func(path []string, s string) {
		full := strings.Join(path, ".")
		for end, list := range allowed {
			if (full == end || strings.HasSuffix(full, "."+end)) && !slices.Contains(list, s) {
				report("%s is %q, which Grafana 10.4 does not know here", full, s)
			}
		}
	})
}
