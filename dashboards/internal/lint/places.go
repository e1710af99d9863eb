package lint

import (
	"slices"

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
