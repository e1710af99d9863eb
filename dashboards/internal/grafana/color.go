package grafana

import (
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/runner"
)

// Colors by their names in Grafana, which follow its theme.
const (
	green  = "green"
	yellow = "yellow"
	orange = "orange"
	red    = "red"
	blue   = "blue"

	// gray is that of no value. Grafana has no name for one that white words can be
	// read on.
	gray = "#6e6e6e"
)

// palette gives series their colors.
type palette []struct{ legend, color string }

// byOutcome is the same on every panel: what went well is green, failures of
// the callback's own are red to orange, what was rejected or lost is yellow to
// purple, and what was not meant to run is gray and blue.
var byOutcome = palette{
	{runner.OutcomeSuccess.String(), "green"},
	{runner.OutcomeError.String(), "red"},
	{runner.OutcomePanic.String(), "dark-red"},
	{runner.OutcomeTimeout.String(), "orange"},
	{runner.OutcomeRejected.String(), "yellow"},
	{runner.OutcomeDropped.String(), "light-purple"},
	{runner.OutcomeAbandoned.String(), "dark-purple"},
	{runner.OutcomeCanceled.String(), "purple"},
	{runner.OutcomeSkipped.String(), "text"},
	{runner.OutcomeCoalesced.String(), "blue"},
}

// byQuantile gets warmer with the quantile. Red is for limits.
var byQuantile = palette{{"p50", blue}, {"p95", yellow}, {"p99", orange}}

// The multiples of its even spending at which an error budget is alerted on:
// a budget of 30 days then lasts 30, 5 and 2 days.
const (
	burnSlow = 1
	burnHigh = 6
	burnFast = 14.4
)

func burnSteps() []step {
	return []step{{color: green}, {burnSlow, yellow}, {burnHigh, orange}, {burnFast, red}}
}

// rising gets worse from warn to bad.
func rising(warn, bad float64) []step { return []step{{color: green}, {warn, orange}, {bad, red}} }

// falling is bad below bad and good from good on.
func falling(bad, good float64) []step { return []step{{color: red}, {bad, orange}, {good, green}} }

// none is red from one on.
func none() []step { return []step{{color: green}, {1, red}} }

// some is red as soon as it is more than nothing.
func some() []step { return []step{{color: green}, {1e-9, red}} }

// plain judges nothing.
func plain() []step { return []step{{color: blue}} }

// says maps a value to a word with a color.
func says(value float64, word, color string) dashboard.ValueMapping {
	return reads(strconv.FormatFloat(value, 'g', -1, 64), word, color)
}

// reads is says of a value as it is written.
func reads(value, word, color string) dashboard.ValueMapping {
	result := dashboard.ValueMappingResult{Text: &word, Index: ptr(int32(0))}
	if color != "" {
		result.Color = &color
	}
	return dashboard.ValueMapping{ValueMap: &dashboard.ValueMap{
		Type: dashboard.MappingTypeValueToText, Options: map[string]dashboard.ValueMappingResult{value: result},
	}}
}

// nothing maps no value, and a share of nothing, to a word with a color.
func nothing(word, color string) dashboard.ValueMapping {
	return dashboard.ValueMapping{SpecialValueMap: &dashboard.SpecialValueMap{
		Type: dashboard.MappingTypeSpecialValue,
		Options: dashboard.DashboardSpecialValueMapOptions{
			Match:  dashboard.SpecialValueMatchNullAndNan,
			Result: dashboard.ValueMappingResult{Text: &word, Color: &color, Index: ptr(int32(1))},
		},
	}}
}
