package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// parseMatcher reads what is to be added to every selector.
func parseMatcher(text string) ([]*labels.Matcher, error) {
	const example = `cluster="eu",env=~"prod.*"`
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	if strings.HasPrefix(text, "{") || strings.HasSuffix(text, "}") {
		return nil, fmt.Errorf("matcher %s: leave the braces out, as in %s", text, example)
	}
	// This one keeps a selector legal whose other matchers all match "".
	named := labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, "")
	all, err := parser.NewParser(parser.Options{}).ParseMetricSelector("{" + named.String() + "," + text + "}")
	if err != nil {
		return nil, fmt.Errorf("matcher %s: write it as in %s: %w", text, example, err)
	}
	all = slices.DeleteFunc(all, func(m *labels.Matcher) bool { return m.String() == named.String() })
	equal := make(map[string]bool)
	for _, m := range all {
		if m.Type == labels.MatchEqual && equal[m.Name] {
			return nil, fmt.Errorf(`matcher %s: the label %s cannot have two values: match either, as in %[2]s=~"a|b"`, text, m.Name)
		}
		equal[m.Name] = equal[m.Name] || m.Type == labels.MatchEqual
		if why := unfit(m.Name); why != "" {
			return nil, fmt.Errorf("matcher %s: %s", m, why)
		}
	}
	return all, nil
}

// unfit says why no matcher can be on a label, and what to do instead; "" if one
// can be. A matcher is on every selector, but these labels are not on every
// series, or tell apart what a query adds up.
func unfit(label string) string {
	const instead = "match what every series of your processes has, such as job or cluster"
	switch label {
	case model.MetricNameLabel:
		return "every query names its metrics itself: use -metric-prefix if yours do not start with " + DefaultPrefix
	case model.InstanceLabel, LabelPod, names.LabelRunner, names.LabelCallback:
		return "dashboards let you choose it, and alerts tell it apart: " + instead
	case names.LabelOutcome, names.LabelReason, names.LabelState, names.LabelResult, names.LabelSignal, names.LabelMode, names.LabelQueue,
		names.LabelVersion, names.LabelGoVersion,
		model.BucketLabel, model.QuantileLabel, model.AlertNameLabel, "alertstate", "severity":
		return "only some series have this label, and queries match it themselves: " + instead
	}
	return ""
}
