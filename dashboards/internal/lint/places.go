package lint

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// placesTold checks that what tells instances apart tells their clusters, namespaces and
// pods apart as well: in two of them, instances may have the same name.
func placesTold(e parser.Expr, report reporter) {
	check := func(what string, labels []string) {
		if !slices.Contains(labels, "instance") {
			return
		}
		for _, l := range []string{"cluster", "namespace", "pod"} {
			if !slices.Contains(labels, l) {
				report("%s instance, and not %s: adds up instances of one name", what, l)
			}
		}
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.AggregateExpr:
			if !n.Without {
				check(n.Op.String()+" by", n.Grouping)
			}
		case *parser.BinaryExpr:
			if n.VectorMatching != nil && n.VectorMatching.On {
				check("on", n.VectorMatching.MatchingLabels)
			}
		}
		return nil
	})
}

var placeLabels = []string{"cluster", "namespace"}

// placesInLegend checks that series of two places have two legends: a query that keeps the
// place apart, or a recorded series as it is, must say it.
func placesInLegend(e parser.Expr, legend string, recorded []string, report reporter) {
	labels, many := Labels(e)
	if !many {
		return
	}
	asRecorded := len(labels) == 0 && slices.ContainsFunc(Metrics(e), func(m string) bool { return slices.Contains(recorded, m) })
	// Of what a process exposes, unlike ALERTS, the labels say where it runs.
	asExposed := len(labels) == 0 && slices.Contains(Metrics(e), "up")
	for _, l := range append([]string{"pod"}, placeLabels...) {
		told := slices.Contains(labels, l) || l != "pod" && asRecorded || asExposed
		if told && !strings.Contains(legend, "{{"+l+"}}") {
			report("has the legend %q for two series that differ in %s", legend, l)
		}
	}
}
