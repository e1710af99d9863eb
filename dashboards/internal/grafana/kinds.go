package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// stat is a figure with a color. It is of now: the last value of a range could
// be hours old, from before everything stopped. No value is gray: Grafana would
// give it the color of the lowest threshold, which is mostly green.
func (p panel) stat() view {
	for i := range p.targets {
		p.targets[i].instant = true
	}
	if p.noValue == "" {
		p.noValue = "no data"
	}
	p.mappings = append(p.mappings, nothing(p.noValue, gray))
	options := stat.NewOptions()
	options.ColorMode = common.BigValueColorModeBackgroundSolid
	options.GraphMode = common.BigValueGraphModeNone
	options.Orientation = common.VizOrientationAuto
	options.ReduceOptions = common.ReduceDataOptions{Values: ptr(false), Calcs: []string{"lastNotNull"}, Fields: ptr("")}
	return p.view("stat", options, nil, byThresholds())
}

// lines are series over time. Their colors go by their order: by name, Grafana
// 10 gives one color to all that are named by labels.
func (p panel) lines() view {
	custom := &timeseries.FieldConfig{
		DrawStyle:         ptr(common.GraphDrawStyleLine),
		LineInterpolation: ptr(common.LineInterpolationLinear),
		LineWidth:         ptr(1.),
		FillOpacity:       ptr(8.),
		GradientMode:      ptr(common.GraphGradientModeNone),
		ShowPoints:        ptr(common.VisibilityModeAuto), // a lone value has no line
		SpanNulls:         &common.BoolOrFloat64{Bool: ptr(false)},
		AxisSoftMin:       ptr(0.),
		Stacking:          &common.StackingConfig{Mode: ptr(common.StackingModeNone), Group: ptr("A")},
		ThresholdsStyle:   &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeOff},
	}
	if p.softMax == 0 {
		p.softMax = softMaxima[p.unit]
	}
	if p.softMax > 0 {
		custom.AxisSoftMax = &p.softMax
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
	if p.points {
		custom.ShowPoints = ptr(common.VisibilityModeAlways)
		custom.PointSize = ptr(8.)
	}
	if p.showSteps {
		custom.ThresholdsStyle.Mode = common.GraphThresholdsStyleModeDashed
	}
	return p.view("timeseries", &timeseries.Options{
		Legend:  legend(true),
		Tooltip: common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending},
	}, custom, &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdPaletteClassic})
}

// softMaxima are up to where axes reach at least, by unit: those of panels that
// are 0 all day would reach to 100.
var softMaxima = map[string]float64{"ops": 0.1, "short": 1, "none": 1, "suffix:x": 1}

// states are values that last, one line of colored bars a series. Values that
// have words have the words' colors: with colors by thresholds, Grafana merges
// values that are between the same two, and forgets the words.
func (p panel) states() view {
	color, values := byThresholds(), common.VisibilityModeNever
	if len(p.mappings) > 0 {
		color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdFixed, FixedColor: ptr(gray)}
		values = common.VisibilityModeAuto
	}
	options := statetimeline.NewOptions()
	options.ShowValue = values
	options.PerPage = nil // only the newest Grafana has pages
	options.Legend = legend(false)
	options.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeSingle, Sort: common.SortOrderNone}
	return p.view("state-timeline", options, statetimeline.NewFieldConfig(), color)
}

// wordless hides the words on the bars of a state timeline, which short bars cut.
func wordless(v view) view {
	if options, ok := v.Options.(*statetimeline.Options); ok {
		options.ShowValue = common.VisibilityModeNever
	}
	return v
}

// heat is a heatmap of a classic histogram's buckets: Grafana 10 draws those of
// a native one as a single row. It has no exemplars, which would cover it.
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
	v := p.view("heatmap", options, &heatmap.FieldConfig{}, nil)
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
