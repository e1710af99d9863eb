package lint

import (
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
)

// annotation checks that it is there in both forms, and marks moments.
func (c Catalog) annotation(a dashboard.AnnotationQuery, recorded []string, report reporter) {
	q, ok := a.Target.(*prometheus.Dataquery)
	if !ok || a.Expr == nil || *a.Expr != q.Expr {
		report("annotation %s: expr and target.expr differ; old versions read the one, new ones the other", a.Name)
		return
	}
	for _, f := range c.PromQL(Query{Expr: q.Expr, Dashboard: true}, recorded) {
		report("annotation %s: %s", a.Name, f)
	}
	if e, err := Parse(q.Expr); err == nil && a.Enable && !moments(e) {
		report("annotation %s: tints every panel for as long as it lasts: mark its beginning, or leave it off", a.Name)
	}
}

// moments reports whether a query is true for a moment only: while something
// changes, or as long as it was not so a moment before.
func moments(e parser.Expr) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.Call:
			found = found || slices.Contains([]string{"changes", "resets"}, n.Func.Name)
		case *parser.BinaryExpr:
			found = found || n.Op == parser.LUNLESS && ofBefore(n.RHS)
		}
		return nil
	})
	return found
}

// ofBefore reports whether all that a query selects is of some time before.
func ofBefore(e parser.Expr) bool {
	before := true
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			before = before && s.OriginalOffset > 0
		}
		return nil
	})
	return before
}
