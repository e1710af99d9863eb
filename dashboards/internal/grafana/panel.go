package grafana

import (
	"errors"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
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
	stacked   bool
	bars      bool
	signed    bool // there may be less than nothing
	max       *float64
	decimals  *float64
	noValue   string
	mappings  []dashboard.ValueMapping
	showSteps bool   // as lines
	interval  string // the least between two points
}

// target is one query of a panel.
type target struct {
	expr, legend string
	exemplars    bool
	instant      bool // only the value at the end of the time range; set by stat
}

// step is a color from a value on.
type step struct {
	from  float64
	color string
}

// view is a panel that is built already, or why it is not.
type view struct {
	dashboard.Panel
	err error
}

// Build implements cog.Builder.
func (v view) Build() (dashboard.Panel, error) { return v.Panel, v.err }

// stat is a figure with a color. It is of now: the last value of a range could
// be hours old, from before everything stopped.
func (p panel) stat() view {
	for i := range p.targets {
		p.targets[i].instant = true
	}
	if p.noValue == "" {
		p.noValue = "no data"
	}
	options := stat.NewOptions()
	options.ColorMode = common.BigValueColorModeBackgroundSolid
	options.GraphMode = common.BigValueGraphModeNone
	options.Orientation = common.VizOrientationAuto
	options.ReduceOptions = common.ReduceDataOptions{Values: ptr(false), Calcs: []string{"lastNotNull"}, Fields: ptr("")}
	return p.view("stat", options, nil, dashboard.FieldColorModeIdThresholds)
}

// lines are series over time.
func (p panel) lines() view {
	custom := &timeseries.FieldConfig{
		DrawStyle:         ptr(common.GraphDrawStyleLine),
		LineInterpolation: ptr(common.LineInterpolationLinear),
		LineWidth:         ptr(1.),
		FillOpacity:       ptr(8.),
		GradientMode:      ptr(common.GraphGradientModeNone),
		ShowPoints:        ptr(common.VisibilityModeAuto), // a lone value, as of a last drain, has no line
		SpanNulls:         &common.BoolOrFloat64{Bool: ptr(false)},
		AxisSoftMin:       ptr(0.),
		Stacking:          &common.StackingConfig{Mode: ptr(common.StackingModeNone), Group: ptr("A")},
		ThresholdsStyle:   &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeOff},
	}
	if p.stacked {
		custom.Stacking.Mode = ptr(common.StackingModeNormal)
		custom.FillOpacity = ptr(60.)
		custom.LineWidth = ptr(0.)
	}
	if p.bars {
		custom.DrawStyle = ptr(common.GraphDrawStyleBars)
		custom.FillOpacity = ptr(80.)
	}
	if p.showSteps {
		custom.ThresholdsStyle.Mode = common.GraphThresholdsStyleModeDashed
	}
	return p.view("timeseries", &timeseries.Options{
		Legend:  legend(len(p.targets) > 0),
		Tooltip: common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending},
	}, custom, dashboard.FieldColorModeIdPaletteClassicByName)
}

// states are values that last, one line of colored bars a series.
func (p panel) states() view {
	options := statetimeline.NewOptions()
	options.PerPage = nil // only the newest Grafana has pages
	options.Legend = legend(false)
	options.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeSingle, Sort: common.SortOrderNone}
	return p.view("state-timeline", options, statetimeline.NewFieldConfig(), dashboard.FieldColorModeIdThresholds)
}

// heat is a heatmap of a classic histogram's buckets: Grafana 10 draws those of
// a native one as a single row.
func (p panel) heat(scheme string) view {
	options := heatmap.NewOptions()
	options.Color.Mode = ptr(heatmap.HeatmapColorModeScheme)
	options.Color.Scale = ptr(heatmap.HeatmapColorScaleExponential)
	options.Color.Scheme = scheme
	options.SelectionMode = nil // only the newest Grafana has it
	options.RowsFrame = &heatmap.RowsHeatmapOptions{Layout: ptr(common.HeatmapCellLayoutAuto)}
	options.YAxis = heatmap.YAxisConfig{Unit: &p.unit, AxisPlacement: ptr(common.AxisPlacementLeft), Reverse: ptr(false)}
	options.CellValues = &heatmap.CellValues{Unit: ptr("ops")}
	options.Tooltip = heatmap.HeatmapTooltip{Mode: common.TooltipDisplayModeSingle, YHistogram: ptr(true)}
	options.ShowValue = common.VisibilityModeNever
	v := p.view("heatmap", options, &heatmap.FieldConfig{}, "")
	for i, t := range v.Targets {
		q := t.(prometheus.Dataquery)
		q.Format = ptr(prometheus.PromQueryFormatHeatmap)
		v.Targets[i] = q
	}
	return v
}

func legend(show bool) common.VizLegendOptions {
	return common.VizLegendOptions{
		DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom,
		ShowLegend: show, Calcs: []string{},
	}
}

// view builds the panel with what is the same for all kinds.
func (p panel) view(kind string, options, custom any, color dashboard.FieldColorModeId) view {
	if p.title == "" || p.description == "" || p.unit == "" || p.width == 0 {
		return view{err: errors.New(p.title + ": a panel has a title, a description, a unit and a width")}
	}
	source := ref("prometheus", varMetrics)
	defaults := dashboard.FieldConfig{
		Unit: &p.unit, Decimals: p.decimals, Max: p.max, Mappings: p.mappings, Links: p.links,
		Thresholds: p.thresholds(), Custom: custom,
	}
	if !p.signed && (p.unit == "percentunit" || p.unit == "s") {
		defaults.Min = ptr(0.)
	}
	if color != "" {
		defaults.Color = &dashboard.FieldColor{Mode: color}
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
		FieldConfig: &dashboard.FieldConfigSource{Defaults: defaults, Overrides: p.overrides()},
	}}
}

func (p panel) dataqueries() []variants.Dataquery {
	queries := make([]variants.Dataquery, len(p.targets))
	for i, t := range p.targets {
		source := ref("prometheus", varMetrics)
		queries[i] = prometheus.Dataquery{
			Expr: t.expr, LegendFormat: &t.legend, RefId: ptr(string(rune('A' + i))),
			EditorMode: ptr(prometheus.QueryEditorModeCode),
			Range:      ptr(!t.instant), Instant: ptr(t.instant), Exemplar: ptr(t.exemplars),
			Datasource: &source,
		}
	}
	return queries
}

// thresholds are green throughout if a panel has none of its own.
func (p panel) thresholds() *dashboard.ThresholdsConfig {
	steps := []dashboard.Threshold{{Color: green}}
	for i, s := range p.steps {
		if i == 0 {
			steps[0].Color = s.color
			continue
		}
		steps = append(steps, dashboard.Threshold{Value: &s.from, Color: s.color})
	}
	return &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: steps}
}

// overrides give series their colors, and limits a dashed line without a fill.
func (p panel) overrides() []dashboard.DashboardFieldConfigSourceOverrides {
	overrides := []dashboard.DashboardFieldConfigSourceOverrides{}
	for _, c := range p.colors {
		overrides = append(overrides, override(c.legend, "color", map[string]any{"mode": "fixed", "fixedColor": c.color}))
	}
	for _, name := range p.limits {
		o := override(name, "color", map[string]any{"mode": "fixed", "fixedColor": red})
		o.Properties = append(o.Properties,
			dashboard.DynamicConfigValue{Id: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{8, 8}}},
			dashboard.DynamicConfigValue{Id: "custom.fillOpacity", Value: 0},
			dashboard.DynamicConfigValue{Id: "custom.lineWidth", Value: 2},
			dashboard.DynamicConfigValue{Id: "custom.stacking", Value: map[string]any{"mode": "none", "group": "limit"}})
		overrides = append(overrides, o)
	}
	return overrides
}

func override(legend, id string, value any) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{
		Matcher:    dashboard.MatcherConfig{Id: "byName", Options: legend},
		Properties: []dashboard.DynamicConfigValue{{Id: id, Value: value}},
	}
}
