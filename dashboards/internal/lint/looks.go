package lint

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// drawnAsGrafana checks what only a look at Grafana shows: that the colors and
// the words which a panel asks for are those that it draws.
func drawnAsGrafana(p dashboard.Panel, report reporter) {
	if p.FieldConfig == nil {
		return // reported
	}
	d := p.FieldConfig.Defaults
	byThresholds := d.Color != nil && d.Color.Mode == dashboard.FieldColorModeIdThresholds
	if o, ok := p.Options.(*statetimeline.Options); ok && byThresholds {
		if len(d.Mappings) > 0 && (o.MergeValues == nil || *o.MergeValues) {
			report("a state timeline colored by thresholds merges its values, and forgets its mappings")
		}
		if o.ShowValue != common.VisibilityModeNever {
			report("a state timeline colored by thresholds writes the thresholds onto its bars")
		}
	}
	if p.Type == "stat" && byThresholds || filledCells(p) {
		noValueColor(d, report)
	}
	if d.Color != nil && d.Color.Mode == dashboard.FieldColorModeIdPaletteClassicByName && namedByLabel(p) {
		report("series that are named by a label all have one color by name: use palette-classic")
	}
	if p.Type == "heatmap" && slices.ContainsFunc(queriesOf(p), func(q *prometheus.Dataquery) bool { return q.Exemplar != nil && *q.Exemplar }) {
		report("exemplars cover a heatmap")
	}
	axis(d, report)
	timeline(p, report)
	rarely(p, report)
}

// axis checks that a panel whose values are all 0 does not reach to 100, and
// that bars are counts, which a rate is not.
func axis(d dashboard.FieldConfig, report reporter) {
	lines, ok := d.Custom.(*timeseries.FieldConfig)
	if !ok || d.Unit == nil {
		return
	}
	if slices.Contains([]string{"ops", "short", "none", "suffix:x"}, *d.Unit) && lines.AxisSoftMax == nil {
		report("has no axisSoftMax: at 0 all day, its axis reaches to 100")
	}
	if lines.DrawStyle != nil && *lines.DrawStyle == common.GraphDrawStyleBars && *d.Unit == "ops" {
		report("bars of a rate, which nobody can count: use increase and the unit none")
	}
}

// noValueColor checks that no value does not have the color of a threshold: the
// lowest one's, which is mostly green.
func noValueColor(d dashboard.FieldConfig, report reporter) {
	for _, m := range d.Mappings {
		if m.SpecialValueMap == nil {
			continue
		}
		o := m.SpecialValueMap.Options
		if o.Match != dashboard.SpecialValueMatchNull && o.Match != dashboard.SpecialValueMatchNullAndNan || o.Result.Color == nil {
			continue
		}
		if d.Thresholds == nil || !slices.ContainsFunc(d.Thresholds.Steps, func(s dashboard.Threshold) bool { return s.Color == *o.Result.Color }) {
			return
		}
	}
	base := "no color"
	if d.Thresholds != nil && len(d.Thresholds.Steps) > 0 {
		base = d.Thresholds.Steps[0].Color
	}
	report("no value is %s: map null to a color of its own", base)
}

// filledCells reports whether a table has cells colored by their value.
func filledCells(p dashboard.Panel) bool {
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.Id == "thresholds" {
				return true
			}
		}
	}
	return false
}

func namedByLabel(p dashboard.Panel) bool {
	return slices.ContainsFunc(queriesOf(p), func(q *prometheus.Dataquery) bool {
		return q.LegendFormat != nil && strings.Contains(*q.LegendFormat, "{{")
	})
}

// queriesOf lists the queries of a panel that Prometheus answers.
func queriesOf(p dashboard.Panel) []*prometheus.Dataquery {
	var all []*prometheus.Dataquery
	for _, t := range p.Targets {
		if q, ok := t.(*prometheus.Dataquery); ok {
			all = append(all, q)
		}
	}
	return all
}
