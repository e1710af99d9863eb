package lint

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/loki"
	"github.com/prometheus/prometheus/promql/parser"
)

// saysNothing checks that a panel which is empty when all is well says so, and
// that a record in a log panel says what went wrong.
func saysNothing(p dashboard.Panel, report reporter) {
	silent := p.FieldConfig == nil || p.FieldConfig.Defaults.NoValue == nil
	prometheus := queriesOf(p)
	switch {
	case p.Type == "state-timeline":
		for _, q := range prometheus {
			if e, err := Parse(q.Expr); err == nil && emptyTimeline(e) {
				report(`is empty when all is well: a state timeline says then that data has no time; add "or on () vector(0)"`)
			}
		}
	case len(prometheus) < len(p.Targets) && silent:
		report("is empty when all is well, and does not say so: it has no noValue")
	case p.Type != "stat" && silent:
		for _, q := range prometheus {
			if e, err := Parse(q.Expr); err == nil && emptyIfWell(e) {
				report("is empty when all is well, and does not say so: it has no noValue")
			}
		}
	}
	if p.Type != "logs" {
		return
	}
	for _, t := range p.Targets {
		switch q := t.(type) {
		case *loki.Dataquery:
			if !strings.Contains(q.Expr, "| line_format ") {
				report("a log panel without line_format: its lines are all the same message")
			}
		default:
			if !strings.Contains(text(fields(t)["expr"]), " as _msg") {
				report("a log panel that formats no _msg: its lines are all the same message")
			}
		}
	}
}

// emptyIfWell reports whether a query answers nothing while there is nothing
// wrong: alerts, and what is compared and left out.
func emptyIfWell(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return emptyIfWell(e.Expr)
	case *parser.AggregateExpr:
		return emptyIfWell(e.Expr)
	case *parser.Call:
		return len(e.Args) > 0 && e.Func.Name != "vector" && emptyIfWell(e.Args[0])
	case *parser.BinaryExpr:
		switch {
		case e.Op == parser.LOR:
			return emptyIfWell(e.LHS) && emptyIfWell(e.RHS)
		case e.Op.IsComparisonOperator():
			return !e.ReturnBool || emptyIfWell(e.LHS)
		case e.Op == parser.LUNLESS:
			return true
		}
		return emptyIfWell(e.LHS) || emptyIfWell(e.RHS)
	case *parser.VectorSelector:
		return strings.HasPrefix(e.Name, "ALERTS")
	}
	return false
}

// emptyTimeline reports whether a state timeline may have no row. There is always
// an instance.
func emptyTimeline(e parser.Expr) bool {
	if b, ok := e.(*parser.BinaryExpr); ok && b.Op == parser.LOR {
		return emptyTimeline(b.LHS) && emptyTimeline(b.RHS)
	}
	if _, many := Labels(e); !many {
		return emptyIfWell(e)
	}
	names, _ := Labels(e)
	return emptyIfWell(e) || len(names) > 0 && !slices.Contains(names, "instance")
}
