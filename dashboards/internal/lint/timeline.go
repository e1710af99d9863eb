package lint

import (
	"slices"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// What a state timeline has on a screen: a unit of Grafana's grid, what its title and
// its axis take, and the least that a row with a name needs.
const (
	gridPixels = 38
	edgePixels = 70
	rowPixels  = 13
)

// timeline checks that a state timeline has room for the names of all its rows, and
// that what it writes onto its bars are words.
func timeline(p dashboard.Panel, report reporter) {
	options, ok := p.Options.(*statetimeline.Options)
	if !ok || p.GridPos == nil || p.FieldConfig == nil {
		return
	}
	room := (int(p.GridPos.H)*gridPixels - edgePixels) / rowPixels
	for _, q := range queriesOf(p) {
		e, err := Parse(q.Expr)
		if err != nil {
			continue // reported
		}
		switch n, bounded := rowsOf(e, p); {
		case !bounded:
			report("may have any number of rows, whose names overlap: take the first ones of a measure, with topk")
		case n > room:
			report("may have %d rows, and has room for the names of %d", n, room)
		}
		if options.ShowValue != common.VisibilityModeNever && (len(p.FieldConfig.Defaults.Mappings) == 0 || calls(e, "rate", "increase")) {
			report("a state timeline writes numbers onto its bars: map them to words, or show no values")
		}
	}
}

// calls reports whether a query calls one of these functions, other than to choose what
// it shows.
func calls(e parser.Expr, functions ...string) bool {
	if b, ok := e.(*parser.BinaryExpr); ok && b.Op == parser.LAND {
		return calls(b.LHS, functions...)
	}
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if call, ok := n.(*parser.Call); ok {
			found = found || slices.Contains(functions, call.Func.Name)
		}
		return nil
	})
	return found
}

// rowsOf is how many series a query has at most, if anything bounds them.
func rowsOf(e parser.Expr, p dashboard.Panel) (n int, bounded bool) {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return rowsOf(e.Expr, p)
	case *parser.NumberLiteral:
		return 1, true
	case *parser.Call:
		if e.Func.Name == "vector" {
			return 1, true
		}
		return rowsOf(e.Args[0], p)
	case *parser.AggregateExpr:
		if e.Op == parser.TOPK || e.Op == parser.BOTTOMK {
			k, err := strconv.Atoi(e.Param.String())
			return k, err == nil
		}
		if e.Without {
			return 0, false
		}
		n = 1
		for _, l := range e.Grouping {
			values := valuesOf(l, p)
			if values == 0 {
				return 0, false
			}
			n *= values
		}
		return n, true
	case *parser.BinaryExpr:
		left, ofLeft := rowsOf(e.LHS, p)
		right, ofRight := rowsOf(e.RHS, p)
		switch {
		case e.Op == parser.LOR:
			return max(left, right), ofLeft && ofRight // they are about the same things, or one is empty
		case e.Op == parser.LUNLESS || scalar(e.RHS):
			return left, ofLeft
		case scalar(e.LHS):
			return right, ofRight
		case ofLeft && ofRight:
			return min(left, right), true
		}
		return max(left, right), ofLeft || ofRight
	}
	return 0, false
}

func scalar(e parser.Expr) bool { return e.Type() == parser.ValueTypeScalar }

// valuesOf is how many values a label has; 0 if that is not known. A panel has an
// override for each alert.
func valuesOf(label string, p dashboard.Panel) int {
	switch label {
	case names.LabelOutcome:
		return int(runner.NumOutcomes)
	case "alertname":
		n := 0
		for _, o := range p.FieldConfig.Overrides {
			if o.Matcher.Id == "byName" {
				n++
			}
		}
		return n
	}
	return 0
}
