package lint

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// colored checks that a reader of a panel can tell its lines apart: no two
// series have one color, nor a series that of a threshold that is drawn.
func colored(p dashboard.Panel, report reporter) {
	if p.FieldConfig == nil {
		return // reported
	}
	taken := make(map[string]string)
	if drawn(p.FieldConfig.Defaults.Custom) && p.FieldConfig.Defaults.Thresholds != nil {
		for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
			if step.Value != nil { // the first begins where the panel does
				taken[step.Color] = "a threshold"
			}
		}
	}
	for _, o := range p.FieldConfig.Overrides {
		series, _ := o.Matcher.Options.(string)
		for _, property := range o.Properties {
			value, _ := property.Value.(map[string]any)
			color, _ := value["fixedColor"].(string)
			if property.Id != "color" || color == "" {
				continue
			}
			if other, ok := taken[color]; ok {
				report("%s is %s, and so is %s", series, color, other)
			}
			taken[color] = series
		}
	}
}

// drawn reports whether a panel draws its thresholds as lines.
func drawn(custom any) bool {
	lines, ok := custom.(*timeseries.FieldConfig)
	return ok && lines.ThresholdsStyle != nil && lines.ThresholdsStyle.Mode != common.GraphThresholdsStyleModeOff
}
