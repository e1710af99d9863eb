package lint

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// What happens once in a deploy: how much then, and a value that is there for some
// scrapes only.
var (
	rare  = bare(names.MetricShutdownLost)
	brief = bare(names.MetricShutdownDuration)
)

// rarely checks that what happens once in a while can be seen and counted: as a bar of
// how many there were, once, and as a point.
func rarely(p dashboard.Panel, report reporter) {
	if p.FieldConfig == nil {
		return // reported
	}
	lines, ok := p.FieldConfig.Defaults.Custom.(*timeseries.FieldConfig)
	if !ok {
		return
	}
	bars := lines.DrawStyle != nil && *lines.DrawStyle == common.GraphDrawStyleBars
	for _, q := range queriesOf(p) {
		e, err := Parse(q.Expr)
		if err != nil {
			continue // reported
		}
		if bars && calls(e, "rate", "irate") {
			report("bars of a rate, which nobody can count: use increase and the unit none")
		}
		if bars && calls(e, "increase") && (p.Interval == nil || *p.Interval == "") {
			report("bars that overlap count things twice: set the least interval")
		}
		if !bars && has(e, rare) {
			report("a line of what happens once in a deploy is a spike of a fraction: draw bars of the increase")
		}
		if !bars && has(e, brief) && (lines.ShowPoints == nil || *lines.ShowPoints != common.VisibilityModeAlways) {
			report("a value that is there for some scrapes only can hardly be seen: always show its points")
		}
	}
}
