package grafana

import (
	"errors"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// panel is what a panel says, whatever draws it.
type panel struct {
	title, description, unit string
	width                    uint32

	targets []target
	links   []dashboard.DashboardLink // of what is drawn, to where it is explained

	steps     []step   // colors by value; the first one's value does not count
	colors    palette  // of series by legend
	limits    []string // legends of series that are drawn as limits
	reference string   // legend of a series to compare with, drawn as dots
	stacked   bool
	bars      bool
	points    bool // even where there is a line
	signed    bool // there may be less than nothing
	max       *float64
	softMax   float64 // of the axis, where values may all be 0; 0: as is usual for the unit
	decimals  *float64
	noValue   string
	mappings  []dashboard.ValueMapping
	overrides []dashboard.DashboardFieldConfigSourceOverrides
	showSteps bool   // as lines
	interval  string // the least between two points
}

// target is one query of a panel.
type target struct {
	expr, legend string
	exemplars    bool
	instant      bool // only the value at the end of the time range; set by stat and table
	table        bool // one row for each series; set by table
}

// step is a color from a value on.
type step struct {
	from  float64
	color string
}

// view is a panel that is built already, or why it is not.
type view struct {
	dashboard.Panel
	err    error
	absent bool
}

// absent is a panel of what nobody keeps. The panel beside it takes its place.
var absent = view{absent: true}

// Build implements cog.Builder.
func (v view) Build() (dashboard.Panel, error) { return v.Panel, v.err }

// view builds the panel with what is the same for all kinds.
func (p panel) view(kind string, options, custom any, color *dashboard.FieldColor) view {
	if p.title == "" || p.description == "" || p.unit == "" || p.width == 0 {
		return view{err: errors.New(p.title + ": a panel has a title, a description, a unit and a width")}
	}
	source := ref("prometheus", varMetrics)
	defaults := dashboard.FieldConfig{
		Unit: &p.unit, Decimals: p.decimals, Max: p.max, Mappings: p.mappings, Links: p.links,
		Thresholds: thresholds(p.steps), Custom: custom, Color: color,
	}
	if !p.signed && (p.unit == "percentunit" || p.unit == "s") {
		defaults.Min = ptr(0.)
	}
	if p.noValue != "" {
		defaults.NoValue = &p.noValue
	}
	var interval *string
	if p.interval != "" {
		interval = &p.interval
	}
	return view{Panel: dashboard.Panel{
		Type: kind, Title: &p.title, Description: &p.description,
		Datasource: &source, GridPos: &dashboard.GridPos{W: p.width},
		Targets: p.dataqueries(), Options: options, Interval: interval,
		FieldConfig: &dashboard.FieldConfigSource{Defaults: defaults, Overrides: p.allOverrides()},
	}}
}

func (p panel) dataqueries() []variants.Dataquery {
	queries := make([]variants.Dataquery, len(p.targets))
	for i, t := range p.targets {
		source := ref("prometheus", varMetrics)
		q := prometheus.Dataquery{
			Expr: t.expr, LegendFormat: &t.legend, RefId: ptr(refID(i)),
			EditorMode: ptr(prometheus.QueryEditorModeCode),
			Range:      ptr(!t.instant), Instant: ptr(t.instant), Exemplar: ptr(t.exemplars),
			Datasource: &source,
		}
		if t.table {
			q.Format = ptr(prometheus.PromQueryFormatTable)
		}
		queries[i] = q
	}
	return queries
}

// refID names the i-th query of a panel.
func refID(i int) string { return string(rune('A' + i)) }

// thresholds are green throughout if there are no steps.
func thresholds(steps []step) *dashboard.ThresholdsConfig {
	all := []dashboard.Threshold{{Color: green}}
	for i, s := range steps {
		if i == 0 {
			all[0].Color = s.color
			continue
		}
		all = append(all, dashboard.Threshold{Value: &s.from, Color: s.color})
	}
	return &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: all}
}

// byThresholds colors values by thresholds.
func byThresholds() *dashboard.FieldColor {
	return &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdThresholds}
}

// allOverrides give series their colors, limits a dashed line without a fill, and
// a series to compare with dots.
func (p panel) allOverrides() []dashboard.DashboardFieldConfigSourceOverrides {
	all := []dashboard.DashboardFieldConfigSourceOverrides{}
	for _, c := range p.colors {
		all = append(all, override(c.legend, property("color", fixed(c.color))))
	}
	for _, name := range p.limits {
		all = append(all, override(name, append(aside(red, "dash", 8, 8), property("custom.lineWidth", 2))...))
	}
	if p.reference != "" {
		all = append(all, override(p.reference, aside("text", "dot", 2, 6)...))
	}
	return append(all, p.overrides...)
}

// aside draws a series as a broken line that is not stacked and not filled.
func aside(color, fill string, dash ...int) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{
		property("color", fixed(color)),
		property("custom.lineStyle", map[string]any{"fill": fill, "dash": dash}),
		property("custom.fillOpacity", 0),
		property("custom.stacking", map[string]any{"mode": "none", "group": "aside"}),
	}
}

func fixed(color string) map[string]any {
	return map[string]any{"mode": "fixed", "fixedColor": color}
}

func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

// override changes the field of a name: of a series its legend, of a column its
// title.
func override(name string, properties ...dashboard.DynamicConfigValue) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{
		Matcher:    dashboard.MatcherConfig{Id: "byName", Options: name},
		Properties: properties,
	}
}
